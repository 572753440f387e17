import { execFile } from 'node:child_process'
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Observation, Step } from '../src/advise/index.ts'
import type { ModelFile } from '../src/model/index.ts'
import { openStore } from '../src/store/index.ts'
import type { CountingProxy } from '../test/doubles/counting-proxy.ts'
import { ballast, settle, timed } from './harness.ts'

const run = promisify(execFile)

/** Where the four ways are gone, each with a place of its own. */
export interface World {
  readonly directory: string
  /** In front of the registry; all names of images begin with it. */
  readonly proxy: CountingProxy
  /** Of the repository, and of images in the Engine. */
  readonly name: string
}

/** A version that is to be brought to a node which has the one before. */
export interface Delivery {
  readonly model: string
  /** Counted from 1. */
  readonly number: number
  /** A directory with its files. */
  readonly files: string
}

export interface Gone {
  /** What each step took, and through how many bytes it went. */
  readonly steps: readonly Observation[]
  /** Sent and received, as counted at the proxy; of the plain copy those that were written. */
  readonly bytes: number
}

/** What `ballast advise` calls them. */
export const WAYS = {
  'embed-top': embed,
  'mount-volume': mount,
  copy: build,
  'by-hand': copy,
} as const satisfies Readonly<Record<string, (world: World, delivery: Delivery) => Promise<Gone>>>

export type WayName = keyof typeof WAYS
export const WAY_NAMES = Object.keys(WAYS) as readonly WayName[]

/** Add, embed into the registry, `docker pull` by an Engine that has the former image. */
async function embed(world: World, { model, number, files }: Delivery): Promise<Gone> {
  const { directory, proxy, name } = world
  const store = join(directory, 'embed-store')
  const image = (tag: string): string => `${proxy.host}/${name}:${tag}`
  const meter = await beginMeter(world)
  await meter.step('hash', () => ballast(store, ['add', model, files]), await sizeOf(files))
  const from = number === 1 ? image('base') : image(`${model}-${number - 1}`)
  const to = image(`${model}-${number}`)
  await meter.step('upload', () =>
    ballast(store, ['embed', `${model}:${number}=/app/models`, from, '-t', to]),
  )
  await meter.step('pull', () => docker('pull', '-q', to))
  return meter.end()
}

/** Add, send and fetch what the version before has not, deliver into a following target. */
async function mount(world: World, { model, number, files }: Delivery): Promise<Gone> {
  const { directory } = world
  const store = join(directory, 'mount-store')
  const node = join(directory, 'node')
  await mkdir(node, { recursive: true })
  const meter = await beginMeter(world)
  await meter.step('hash', () => ballast(store, ['add', model, files]), await sizeOf(files))
  const blobs = await newFiles(store, { model, number })
  await meter.step('send', () => send(world, { store, blobs }))
  await meter.step('fetch', () => fetchAll(world, { node, blobs }))
  const target = join(directory, `target-${model}`)
  await meter.step(
    'deliver',
    () => ballast(store, ['mount', model, target, '--follow', '--once']),
    await sizeOf(files),
  )
  return meter.end()
}

/** `docker build` with COPY, push, pull; the Engine is made to forget the image in between. */
async function build(world: World, { model, number, files }: Delivery): Promise<Gone> {
  const { proxy, name } = world
  const image = `${proxy.host}/${name}:built-${model}-${number}`
  const context = join(files, '..')
  await writeFile(join(context, 'Dockerfile'), `FROM ${proxy.host}/${name}:base\nCOPY model /app/models\n`)
  const meter = await beginMeter(world)
  const bytes = await sizeOf(files)
  await meter.step('build', () => dockerBuild(image, context), bytes)
  await meter.step('push', () => docker('push', '-q', image))
  await docker('rmi', '-f', image)
  await meter.step('pullCompressed', () => docker('pull', '-q', image))
  const gone = await meter.end()
  await docker('rmi', '-f', image)
  return gone
}

/** `cp --update` into a directory that a container has mounted, which takes what is newer alone, and `sync`. */
async function copy(world: World, { files }: Delivery): Promise<Gone> {
  const target = join(world.directory, 'copied')
  await mkdir(target, { recursive: true })
  const before = await writtenIn(target)
  await settle(world.directory)
  const { ms } = await timed(async () => {
    await run('cp', ['-r', '--update', '--preserve=timestamps', `${files}/.`, target])
    await settle(target)
  })
  const after = await writtenIn(target)
  const changed = [...after].filter(([name, { time }]) => before.get(name)?.time !== time)
  const bytes = changed.reduce((sum, [, { size }]) => sum + size, 0)
  return { steps: [{ step: 'copy', bytes, seconds: ms / 1000 }], bytes }
}

/** Files by name: when they were changed last, and their sizes. */
async function writtenIn(
  directory: string,
): Promise<ReadonlyMap<string, { readonly time: number; readonly size: number }>> {
  const names = await readdir(directory)
  const infos = await Promise.all(names.map((name) => stat(join(directory, name))))
  return new Map(infos.map(({ ctimeMs, size }, at) => [names[at] as string, { time: ctimeMs, size }]))
}

interface Meter {
  /** Without `bytes` it goes through those that the proxy counts. */
  step(step: Step, work: () => Promise<unknown>, bytes?: number): Promise<void>
  end(): Promise<Gone>
}

/** Steps follow on each other as they would in a pipeline; only before the first one the disk is settled. */
async function beginMeter({ directory, proxy }: World): Promise<Meter> {
  await settle(directory)
  const steps: Observation[] = []
  let total = 0
  return {
    async step(step, work, bytes) {
      proxy.reset()
      const { ms } = await timed(work)
      const { sent, received } = proxy
      const blobs = sent.blobs + received.blobs
      total += blobs + sent.manifests + received.manifests
      steps.push({ step, bytes: bytes ?? blobs, seconds: ms / 1000 })
    },
    end: async () => ({ steps, bytes: total }),
  }
}

/** Files of a version that the one before has not. */
async function newFiles(
  store: string,
  { model, number }: Pick<Delivery, 'model' | 'number'>,
): Promise<readonly ModelFile[]> {
  const opened = await openStore(store)
  const versions = await opened.records.listVersions(model as never)
  const filesOf = async (wanted: number): Promise<readonly ModelFile[]> => {
    const version = versions.find((one) => one.number === wanted)
    return version === undefined ? [] : (await opened.readVersion(version.digest)).files
  }
  const former = new Set((await filesOf(number - 1)).map(({ digest }) => digest))
  return (await filesOf(number)).filter(({ digest }) => !former.has(digest))
}

/** As a client of the distribution API sends blobs: POST for a place, PUT of the bytes. */
async function send(
  { proxy, name }: World,
  { store, blobs }: { readonly store: string; readonly blobs: readonly ModelFile[] },
): Promise<void> {
  for (const { digest } of blobs) {
    const begin = ['-sSf', '-X', 'POST', '-o', '/dev/null', '-w', '%header{location}']
    const { stdout } = await run('curl', [...begin, `http://${proxy.host}/v2/${name}-files/blobs/uploads/`])
    // The registry names itself, not the proxy in front of it.
    const place = new URL(stdout, `http://${proxy.host}`)
    const url = `http://${proxy.host}${place.pathname}${place.search}${place.search === '' ? '?' : '&'}digest=${digest}`
    const file = join(store, 'blobs', 'sha256', digest.slice('sha256:'.length))
    const headers = ['-H', 'Content-Type: application/octet-stream', '-H', 'Expect:']
    await run('curl', ['-sSf', '-T', file, ...headers, url])
  }
}

/** Each file is hashed while it is written, and on the disk in the end. */
async function fetchAll(
  { proxy, name }: World,
  { node, blobs }: { readonly node: string; readonly blobs: readonly ModelFile[] },
): Promise<void> {
  for (const { digest } of blobs) {
    const hex = digest.slice('sha256:'.length)
    const url = `http://${proxy.host}/v2/${name}-files/blobs/${digest}`
    const script = `curl -sSf '${url}' | tee '${join(node, hex)}' | sha256sum && sync '${join(node, hex)}'`
    const { stdout } = await run('sh', ['-c', script])
    if (!stdout.startsWith(hex)) throw new Error(`${digest} was not what came`)
  }
}

export async function sizeOf(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  const infos = await Promise.all(files.map((entry) => stat(join(entry.parentPath, entry.name))))
  return infos.reduce((sum, { size }) => sum + size, 0)
}

/** By the builder that needs nothing beside the Engine. */
async function dockerBuild(image: string, context: string): Promise<void> {
  await run('docker', ['build', '-q', '-t', image, context], {
    env: { ...process.env, DOCKER_BUILDKIT: '0' },
  })
}

export async function docker(...args: readonly string[]): Promise<string> {
  return (await run('docker', args, { maxBuffer: 1 << 26 })).stdout.trim()
}
