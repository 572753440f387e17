import { execFile, spawnSync } from 'node:child_process'
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startDockerRegistry } from '../test/doubles/docker-registry.ts'
import { type Bench, type Measured, runBench } from './bench.ts'
import {
  ballast,
  median,
  parseSize,
  rotated,
  rounded,
  settle,
  timed,
  withDirectory,
  writeRandomFile,
  writeWeightsFile,
} from './harness.ts'
import type { Bound } from './result.ts'

const execute = promisify(execFile)

const bench: Bench<'size' | 'models' | 'runs'> = {
  title: 'Embed with the Docker Engine, against docker build, push and pull',
  method:
    'Into the local Engine: `docker build` (FROM base, COPY model) against `ballast embed`, for a first ' +
    "version and each next one. Into Debian's docker-registry on loopback: build and push against embed, the first time and " +
    'when the layers of the version were sent before; then `docker pull` of either image, with the base there already. Fresh ' +
    'bytes for every build and embed, in the page cache; the disk settled before each; turns are taken. `random` bytes no ' +
    'compressor makes smaller, so that to decompress them is to copy them; `weights` are normally distributed float32. An ' +
    'Engine decompresses with `unpigz` where that is installed, which the first column says.',
  parameters: {
    size: { fallback: '1GiB', what: 'all files of a version together' },
    models: {
      fallback: '1*random,1*weights,4*weights',
      what: 'how many files of equal size, and what is in them',
    },
    runs: { fallback: '3', what: 'versions, each built and embedded' },
  },
  needs: ['docker', 'docker-registry', 'sync'],
  measure: ({ size, models, runs }) =>
    withDirectory(async (directory) => {
      const registry = await startDockerRegistry()
      if (registry === undefined) throw new Error('docker-registry is not installed')
      const world = await prepare(directory, { registry: registry.host, size: parseSize(size) })
      try {
        const kinds = models.split(',').map((text) => ({ ...parseModel(text), turns: [] as Turn[] }))
        for (let run = 0; run < Number(runs); run++) {
          for (const [at, kind] of kinds.entries()) {
            kind.turns.push(await measureTurn(world, { ...kind, run, turn: run * kinds.length + at }))
          }
        }
        const engine = await describeEngine()
        const measured = kinds.map(({ text, turns }) => summarise({ engine, size, model: text, turns }))
        return {
          rows: measured.flatMap(({ rows }) => rows),
          bounds: measured.flatMap(({ bounds }) => bounds),
        }
      } finally {
        await removeImages(world)
        await registry.close()
      }
    }),
}

interface ModelKind {
  readonly text: string
  readonly files: number
  readonly write: typeof writeRandomFile
}

function parseModel(text: string): ModelKind {
  const [, files, bytes] = /^(\d+)\*(random|weights)$/.exec(text) ?? []
  if (files === undefined) throw new Error(`not a number of files and what is in them: ${text}`)
  return { text, files: Number(files), write: bytes === 'weights' ? writeWeightsFile : writeRandomFile }
}

async function describeEngine(): Promise<string> {
  const engine = await docker('info', '--format', '{{.ServerVersion}} {{.Driver}}')
  const has = spawnSync('unpigz', ['--version']).error === undefined
  return `${engine}, ${has ? 'unpigz' : 'no unpigz'}`
}

function summarise({
  engine,
  size,
  model,
  turns,
}: {
  readonly engine: string
  readonly size: string
  readonly model: string
  readonly turns: readonly Turn[]
}): Measured {
  const of = (name: keyof Turn): number => median(turns.map((turn) => turn[name]))
  const row = (what: string, a: keyof Turn, b: keyof Turn): Row => ({
    Engine: engine,
    size,
    model,
    what,
    'docker, ms': Math.round(of(a)),
    'ballast, ms': Math.round(of(b)),
    'ballast / docker': Number((of(b) / of(a)).toFixed(4)),
  })
  const bound = (what: string, names: readonly [keyof Turn, keyof Turn], atMost: number): Bound => {
    const value = of(names[0]) / of(names[1])
    return {
      what: `${what}, ${model}`,
      value: atMost < 0.01 ? Number(value.toFixed(5)) : rounded(value),
      atMost,
    }
  }
  return {
    rows: [
      row('into the Engine, a version that it has not got', 'build', 'embed'),
      row('into the Engine, a version that it has', 'rebuild', 'swap'),
      row('into a registry, a version that it has not got', 'buildPush', 'embedRegistry'),
      row('into a registry, a version whose layers it has', 'buildPush', 'swapRegistry'),
      row('docker pull', 'pullBuilt', 'pullEmbedded'),
    ],
    bounds: [
      bound('embed into the Engine / docker build', ['embed', 'build'], 0.8),
      bound('first embed into a registry / build and push', ['embedRegistry', 'buildPush'], 0.2),
      bound('embed of layers that the registry has / build and push', ['swapRegistry', 'buildPush'], 0.005),
      bound('pull of the embedded / of the built image', ['pullEmbedded', 'pullBuilt'], 0.65),
    ],
  }
}

type Row = Readonly<Record<string, string | number>>

/** Milliseconds. */
interface Turn {
  readonly build: number
  readonly embed: number
  readonly rebuild: number
  readonly swap: number
  readonly buildPush: number
  readonly embedRegistry: number
  readonly swapRegistry: number
  readonly pullBuilt: number
  readonly pullEmbedded: number
}

interface World {
  readonly directory: string
  readonly store: string
  /** `HOST:PORT` */
  readonly registry: string
  readonly size: number
  /** Of every image that is made, so that they can be removed. */
  readonly name: string
}

async function prepare(
  directory: string,
  { registry, size }: Pick<World, 'registry' | 'size'>,
): Promise<World> {
  const name = `ballast-bench-${process.pid}`
  const root = join(directory, 'root')
  await mkdir(join(root, 'bin'), { recursive: true })
  await mkdir(join(root, 'app'))
  await copyFile('/bin/busybox', join(root, 'bin', 'busybox'))
  await execute('tar', ['-C', root, '--owner=0', '--group=0', '-cf', join(directory, 'root.tar'), '.'])
  await docker(
    'import',
    '--change',
    'CMD ["/bin/busybox","sleep","600"]',
    join(directory, 'root.tar'),
    `${name}:base`,
  )
  const base = `${registry}/${name}:base`
  await docker('tag', `${name}:base`, base)
  await docker('push', '-q', base)
  return { directory, store: join(directory, 'store'), registry, size, name }
}

async function measureTurn(
  world: World,
  {
    files,
    write,
    run,
    turn,
  }: Pick<ModelKind, 'files' | 'write'> & { readonly run: number; readonly turn: number },
): Promise<Turn> {
  const { directory, store, registry, name } = world
  const context = join(directory, 'context')
  const model = join(context, 'model')
  await mkdir(model, { recursive: true })
  await writeFile(join(context, 'Dockerfile'), `FROM ${name}:base\nCOPY model /app/models\n`)
  const took: Partial<Record<keyof Turn, number>> = {}
  const measured = async (what: keyof Turn, work: () => Promise<unknown>): Promise<void> => {
    await settle(directory)
    took[what] = (await timed(work)).ms
  }
  // Neither is always the one that follows the other.
  const inTurn = async (...steps: readonly (() => Promise<void>)[]): Promise<void> => {
    for (const step of rotated(steps, run)) await step()
  }
  // Other bytes for each, so that nobody finds those of another.
  const fresh = async (seed: number): Promise<void> => {
    const size = Math.floor(world.size / files)
    for (let file = 0; file < files; file++) {
      await write(join(model, `weights-${file}.bin`), { size, seed: (4 * turn + seed) * files + file })
    }
  }
  const added = async (seed: number): Promise<string> => {
    await fresh(seed)
    return (await ballast<{ readonly ref: string }>(store, ['add', 'model', model])).ref
  }
  const embed = (ref: string, from: string, to: string): Promise<unknown> =>
    ballast(store, ['embed', `${ref}=/app/models`, from, '-t', to])

  const built = `${registry}/${name}:built${turn}`
  const remote = `${registry}/${name}:embedded`
  const ref = await added(1)
  await fresh(0)
  await inTurn(
    () => measured('build', () => dockerBuild(`${name}:built${turn}`, context)),
    () => measured('embed', () => embed(ref, `${name}:base`, `${name}:embedded`)),
  )
  await measured('rebuild', () => dockerBuild(`${name}:built${turn}`, context))
  await docker('tag', `${name}:built${turn}`, built)
  await settle(directory)
  const { ms: push } = await timed(() => docker('push', '-q', built))
  const other = await added(2)
  await embed(other, `${name}:embedded`, `${name}:embedded`)
  await measured('swap', () => embed(ref, `${name}:embedded`, `${name}:embedded`))

  const sent = await added(3)
  await measured('embedRegistry', () => embed(sent, `${registry}/${name}:base`, remote))
  await embed(ref, `${registry}/${name}:base`, remote)
  await measured('swapRegistry', () => embed(sent, remote, remote))

  const isBase = (tag: string): boolean => tag.endsWith(':base')
  await removeImages(world, (tag) => !isBase(tag))
  await inTurn(
    () => measured('pullBuilt', () => docker('pull', '-q', built)),
    () => measured('pullEmbedded', () => docker('pull', '-q', remote)),
  )
  await removeImages(world, (tag) => !isBase(tag))
  await rm(context, { recursive: true })
  return { ...took, buildPush: (took.build ?? 0) + push } as Turn
}

/** By the builder that needs nothing beside the Engine. */
async function dockerBuild(image: string, context: string): Promise<void> {
  await execute('docker', ['build', '-q', '-t', image, context], {
    env: { ...process.env, DOCKER_BUILDKIT: '0' },
  })
}

async function docker(...args: readonly string[]): Promise<string> {
  return (await execute('docker', args, { maxBuffer: 1 << 26 })).stdout.trim()
}

async function removeImages(
  { name, registry }: World,
  isMeant: (tag: string) => boolean = () => true,
): Promise<void> {
  for (const repository of [name, `${registry}/${name}`]) {
    const listed = await docker('images', '--format', '{{.Repository}}:{{.Tag}}', repository)
    const tags = listed.split('\n').filter((tag) => tag !== '' && isMeant(tag))
    if (tags.length > 0) await docker('rmi', '-f', ...tags)
  }
}

await runBench(bench)
