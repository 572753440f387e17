import { spawn } from 'node:child_process'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type DockerRegistry, startDockerRegistry } from '../test/doubles/docker-registry.ts'
import { type Bench, runBench } from './bench.ts'
import {
  BALLAST,
  ballast,
  median,
  parseSize,
  rotated,
  rounded,
  run,
  settle,
  timed,
  withDirectory,
  writeRandomFile,
} from './harness.ts'

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
      const registry = await startDockerRegistry()
      if (registry === undefined) throw new Error('docker-registry did not start')
      const { host } = registry
      const port = host.slice(host.indexOf(':') + 1)
      const link = spawn(process.execPath, [LINK, port, `${Number(rate) * 1e6}`, latency])
      try {
        const shaped = `localhost:${`${await firstLine(link.stdout)}`.trim()}`
        const scene = { directory, host, shaped, size: parseSize(size), runs: Number(runs) }
        await prepare(scene)
        const [push, pull, slow] = [await pushes(scene), await pulls(scene), await limited(scene)]
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
        link.kill('SIGKILL')
        await registry.close()
        for (const end of ends) await end()
      }
    }),
}

const LINK = fileURLToPath(new URL('./shaped-link.ts', import.meta.url))
const PEAK = fileURLToPath(new URL('./peak-memory.cjs', import.meta.url))

/** Of what was started meanwhile. */
const ends: (() => Promise<void>)[] = []

interface Scene {
  readonly directory: string
  readonly host: string
  readonly shaped: string
  readonly size: number
  readonly runs: number
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
async function pushes({ directory, ...scene }: Scene) {
  const registries: DockerRegistry[] = []
  for (let at = 0; at < 2 * scene.runs; at++) {
    const registry = await startDockerRegistry()
    if (registry === undefined) throw new Error('docker-registry did not start')
    registries.push(registry)
  }
  const next = (): string => registries.pop()?.host ?? ''
  ends.push(...registries.map(({ close }) => close))
  return race('push', {
    ...scene,
    directory,
    own: () => ['push', 'big', `${next()}/big`, '--store', join(directory, 'store'), '-q'],
    other: () => [
      'skopeo',
      'copy',
      '-q',
      '--dest-tls-verify=false',
      `oci:${layout(directory)}:big`,
      `docker://${next()}/big`,
    ],
  })
}

function pulls({ directory, host, ...scene }: Scene) {
  const to = join(directory, 'to')
  return race('pull', {
    ...scene,
    directory,
    own: () => ['pull', `${host}/big`, '--store', to, '-q'],
    other: () => [
      'skopeo',
      'copy',
      '-q',
      '--src-tls-verify=false',
      `docker://${host}/big:latest`,
      `oci:${to}:big`,
    ],
  })
}

async function limited({ directory, shaped, host, size, runs }: Scene) {
  const to = join(directory, 'to')
  const answer = await fetch(`http://${host}/v2/one/manifests/latest`, { headers: { accept: MANIFEST } })
  const { layers } = (await answer.json()) as { readonly layers: readonly { readonly digest: string }[] }
  const url = `http://${shaped}/v2/one/blobs/${layers[0]?.digest}`
  return race('pull of one file, each connection limited', {
    directory,
    size: size / 2,
    runs,
    own: () => ['pull', `${shaped}/one`, '--store', to, '-q'],
    other: () => ['curl', '-sf', '--create-dirs', '-o', join(to, 'file'), url],
  })
}

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'

async function race(
  what: string,
  {
    directory,
    size,
    runs,
    own,
    other,
  }: Pick<Scene, 'directory' | 'size' | 'runs'> & {
    readonly own: () => readonly string[]
    readonly other: () => readonly string[]
  },
) {
  const peak = join(directory, 'peak')
  const speeds: { own: number[]; other: number[] } = { own: [], other: [] }
  const peaks: number[] = []
  for (let at = 0; at < runs; at++) {
    for (const who of rotated(['own', 'other'] as const, at)) {
      await rm(join(directory, 'to'), { recursive: true, force: true })
      await settle(directory)
      const [program = '', ...args] =
        who === 'own' ? [process.execPath, '--require', PEAK, BALLAST, ...own()] : other()
      const { ms } = await timed(() => run(program, args, { env: { ...process.env, PEAK_MEMORY: peak } }))
      speeds[who].push(size / 1e3 / ms)
      if (who === 'own') peaks.push(Number(await readFile(peak, 'utf8')) / 1024)
    }
  }
  await rm(join(directory, 'to'), { recursive: true, force: true })
  return {
    what,
    'ballast, MB/s': rounded(median(speeds.own)),
    'the other, MB/s': rounded(median(speeds.other)),
    'time to that of the other': rounded(median(speeds.other) / median(speeds.own)),
    'peak memory, MiB': rounded(Math.max(...peaks)),
  }
}

async function firstLine(chunks: AsyncIterable<unknown>): Promise<unknown> {
  for await (const chunk of chunks) return chunk
  throw new Error('it ended')
}

await runBench(bench)
