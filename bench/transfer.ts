import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type DockerRegistry, startDockerRegistry } from '../test/doubles/docker-registry.ts'
import { type Bench, runBench } from './bench.ts'
import { ballast, parseSize, rounded, run, withDirectory, writeRandomFile } from './harness.ts'
import { withShapedLink } from './links.ts'
import { peakMemory } from './peak.ts'
import { type CopyRace, copyRace } from './race.ts'

const FILES = 4

const bench: Bench<'size' | 'runs' | 'rate' | 'latency'> = {
  title: 'Pushing and pulling a model',
  method:
    `A model of ${FILES} files to and from one registry (Debian's docker-registry) on this machine: \`ballast push\` and ` +
    '`ballast pull` into a new store, against `skopeo copy` of the same artifact out of a layout and into one. Then one file ' +
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
        const [push, pull] = [await pushes(scene), await pulls(scene)]
        const port = Number(host.slice(host.indexOf(':') + 1))
        const slow = await withShapedLink({ port, rate, latency }, (to) => limited(to, scene))
        const rows = [push, pull, slow]
        return {
          rows,
          bounds: [
            {
              what: 'time of ballast push / skopeo copy',
              value: push['time to that of the other'],
              atMost: 1.1,
            },
            {
              what: 'time of ballast pull / skopeo copy',
              value: pull['time to that of the other'],
              atMost: 1.1,
            },
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
  await run('skopeo', [
    'copy',
    '-q',
    '--src-tls-verify=false',
    `docker://${host}/big:latest`,
    `oci:${layout(directory)}:big`,
  ])
}

function layout(directory: string): string {
  return join(directory, 'layout')
}

/** Each into a registry of its own: skopeo remembers where it has seen a blob, and would have it mounted. */
async function pushes(scene: Scene) {
  const store = join(scene.directory, 'store')
  const registries: DockerRegistry[] = []
  for (let at = 0; at < 2 * scene.runs; at++) registries.push(await startRegistry())
  const hosts = registries.map(({ host }) => host)
  try {
    return await measure('push', {
      ...scene,
      own: () => ['push', 'big', `${hosts.pop()}/big`, '--store', store, '-q'],
      other: () => [
        ...['skopeo', 'copy', '-q', '--dest-tls-verify=false'],
        ...[`oci:${layout(scene.directory)}:big`, `docker://${hosts.pop()}/big`],
      ],
    })
  } finally {
    for (const registry of registries) await registry.close()
  }
}

function pulls({ host, ...race }: Scene) {
  const to = join(race.directory, 'to')
  return measure('pull', {
    ...race,
    own: () => ['pull', `${host}/big`, '--store', to, '-q'],
    other: () => [
      ...['skopeo', 'copy', '-q', '--src-tls-verify=false'],
      ...[`docker://${host}/big:latest`, `oci:${to}:big`],
    ],
  })
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
      other() {
        const [program = '', ...args] = other()
        return run(program, args)
      },
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
