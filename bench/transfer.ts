import { spawnSync } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type DockerRegistry, startDockerRegistry } from '../test/doubles/docker-registry.ts'
import { type Bench, runBench } from './bench.ts'
import { ballast, parseSize, rounded, run, withDirectory, writeRandomFile } from './harness.ts'
import { withShapedLink } from './links.ts'
import { peakMemory } from './peak.ts'
import { type CopyRace, copyRace } from './race.ts'
import type { Result } from './result.ts'

const FILES = 4

const bench: Bench<'size' | 'runs' | 'rate' | 'latency'> = {
  title: 'Pushing and pulling a model',
  method:
    `A model of ${FILES} files to and from one registry (Debian's docker-registry) on this machine: \`ballast push\` and ` +
    '`ballast pull` into a new store, against what `skopeo`, and where they are there `oras` and `crane`, copy of the same artifact out of a layout and into one. Then one file ' +
    'of half the size through a proxy that gives each connection its rate and every round trip its latency: `ballast ' +
    'pull` against one stream of curl. Whole processes in changing order, everything verified and synced by ballast.',
  parameters: {
    size: { fallback: '2GiB', what: 'the model' },
    runs: { fallback: '3', what: 'of each competitor' },
    rate: { fallback: '60', what: 'MB/s of each connection, where that is limited' },
    latency: { fallback: '50', what: 'ms of a round trip, where that is limited' },
  },
  needs: ['docker-registry', 'skopeo', 'curl'],
  measure: ({ size, runs, rate, latency }) =>
    withDirectory(async (directory) => {
      const registry = await startRegistry()
      const { host } = registry
      try {
        const scene = { directory, host, size: parseSize(size), runs: Number(runs) }
        await prepare(scene)
        const rows: Awaited<ReturnType<typeof measure>>[] = []
        const bounds: Bound[] = []
        for (const other of OTHERS.filter(isThere)) {
          const [push, pull] = [await pushes(scene, other), await pulls(scene, other)]
          rows.push(push, pull)
          bounds.push(boundOf('push', other, push), boundOf('pull', other, pull))
        }
        const port = Number(host.slice(host.indexOf(':') + 1))
        const slow = await withShapedLink({ port, rate, latency }, (to) => limited(to, scene))
        rows.push(slow)
        return {
          rows,
          bounds: [
            ...bounds,
            {
              what: 'time of ballast pull / one stream',
              value: slow['time to that of the other'],
              atMost: 0.33,
            },
            {
              what: 'peak memory, MiB',
              value: Math.max(...rows.map((row) => row['peak memory, MiB'])),
              atMost: 250,
            },
          ],
        }
      } finally {
        await registry.close()
      }
    }),
}

async function startRegistry(): Promise<DockerRegistry> {
  const registry = await startDockerRegistry()
  if (registry === undefined) throw new Error('docker-registry did not start')
  return registry
}

interface Scene extends CopyRace {
  readonly host: string
}

async function prepare({ directory, host, size }: Scene): Promise<void> {
  const store = join(directory, 'store')
  for (const [name, count, bytes] of [
    ['big', FILES, size / FILES],
    ['one', 1, size / 2],
  ] as const) {
    const model = join(directory, name)
    await mkdir(model)
    for (let at = 0; at < count; at++) {
      await writeRandomFile(join(model, `w${at}.bin`), { size: bytes, seed: count * 10 + at })
    }
    await ballast(store, ['add', name, model, '--move'])
    await ballast(store, ['push', name, `${host}/${name}`])
  }
  await runArguments(skopeo.pull(`${host}/big:latest`, layout(directory)))
}

function layout(directory: string): string {
  return join(directory, 'layout')
}

/** What copies between a registry and a layout. */
interface Other {
  readonly name: string
  readonly push: (layout: string, remote: string) => readonly string[]
  readonly pull: (remote: string, layout: string) => readonly string[]
}

const skopeo: Other = {
  name: 'skopeo',
  push: (layout, remote) => [
    ...['skopeo', 'copy', '-q', '--dest-tls-verify=false'],
    ...[`oci:${layout}:big`, `docker://${remote}`],
  ],
  pull: (remote, layout) => [
    ...['skopeo', 'copy', '-q', '--src-tls-verify=false'],
    ...[`docker://${remote}`, `oci:${layout}:big`],
  ],
}

/** All but the first are only measured where they are on the PATH: no package has them. */
const OTHERS: readonly Other[] = [
  skopeo,
  {
    name: 'oras',
    push: (layout, remote) => [
      ...['oras', 'cp', '--no-tty', '--from-oci-layout', `${layout}:big`],
      ...['--to-plain-http', remote],
    ],
    pull: (remote, layout) => [
      ...['oras', 'cp', '--no-tty', '--from-plain-http', remote],
      ...['--to-oci-layout', `${layout}:big`],
    ],
  },
  {
    name: 'crane',
    push: (layout, remote) => ['crane', 'push', layout, remote],
    pull: (remote, layout) => ['crane', 'pull', '--format', 'oci', remote, layout],
  },
]

function isThere({ name }: Other): boolean {
  return spawnSync(name, ['--help'], { stdio: 'ignore' }).error === undefined
}

type Bound = NonNullable<Result['bounds']>[number]

function boundOf(verb: string, { name }: Other, row: Awaited<ReturnType<typeof measure>>): Bound {
  return {
    what: `time of ballast ${verb} / ${name}`,
    value: row['time to that of the other'],
    atMost: 1.1,
  }
}

/** Each into a registry of its own: skopeo remembers where it has seen a blob, and would have it mounted. */
async function pushes(scene: Scene, other: Other) {
  const store = join(scene.directory, 'store')
  const registries: DockerRegistry[] = []
  for (let at = 0; at < 2 * scene.runs; at++) registries.push(await startRegistry())
  const hosts = registries.map(({ host }) => host)
  try {
    return await measure(`push, beside ${other.name}`, {
      ...scene,
      own: () => ['push', 'big', `${hosts.pop()}/big`, '--store', store, '-q'],
      other: () => other.push(layout(scene.directory), `${hosts.pop()}/big:latest`),
    })
  } finally {
    for (const registry of registries) await registry.close()
  }
}

function pulls({ host, ...race }: Scene, other: Other) {
  const to = join(race.directory, 'to')
  return measure(`pull, beside ${other.name}`, {
    ...race,
    own: () => ['pull', `${host}/big`, '--store', to, '-q'],
    other: () => other.pull(`${host}/big:latest`, to),
  })
}

function runArguments([program = '', ...args]: readonly string[]) {
  return run(program, args)
}

async function limited(port: number, { host, size, ...race }: Scene) {
  const to = join(race.directory, 'to')
  const answer = await fetch(`http://${host}/v2/one/manifests/latest`, { headers: { accept: MANIFEST } })
  const { layers } = (await answer.json()) as { readonly layers: readonly { readonly digest: string }[] }
  const url = `http://localhost:${port}/v2/one/blobs/${layers[0]?.digest}`
  return measure('pull of one file, each connection limited', {
    ...race,
    size: size / 2,
    own: () => ['pull', `localhost:${port}/one`, '--store', to, '-q'],
    other: () => ['curl', '-sf', '--create-dirs', '-o', join(to, 'file'), url],
  })
}

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'

async function measure(
  what: string,
  {
    own,
    other,
    ...race
  }: CopyRace & { readonly own: () => readonly string[]; readonly other: () => readonly string[] },
) {
  const peaks: number[] = []
  const speeds = await copyRace(
    {
      own: async () => void peaks.push(await peakMemory(own(), race)),
      other: () => runArguments(other()),
    },
    race,
  )
  return {
    what,
    'ballast, MB/s': rounded(speeds.own),
    'the other, MB/s': rounded(speeds.other),
    'time to that of the other': rounded(speeds.other / speeds.own),
    'peak memory, MiB': rounded(Math.max(...peaks) / 2 ** 20),
  }
}

await runBench(bench)
