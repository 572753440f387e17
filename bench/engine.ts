import { execFile } from 'node:child_process'
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startDockerRegistry } from '../test/doubles/docker-registry.ts'
import { type Bench, runBench } from './bench.ts'
import {
  ballast,
  median,
  parseSize,
  rounded,
  settle,
  timed,
  withDirectory,
  writeRandomFile,
} from './harness.ts'

const run = promisify(execFile)

const bench: Bench<'size' | 'runs'> = {
  title: 'Embed with the Docker Engine, against docker build, push and pull',
  method:
    'A model of one file. Into the local Engine: `docker build` (FROM base, COPY model) against `ballast embed`, for a first ' +
    "version and each next one. Into Debian's docker-registry on loopback: build and push against embed, the first time and " +
    'when the layers of the version were sent before; then `docker pull` of either image, with the base there already. Fresh ' +
    'bytes for every build and embed, in the page cache; the disk settled before each; turns are taken.',
  parameters: {
    size: { fallback: '1GiB', what: 'the one file of each version' },
    runs: { fallback: '3', what: 'versions, each built and embedded' },
  },
  needs: ['docker', 'docker-registry', 'sync'],
  measure: ({ size, runs }) =>
    withDirectory(async (directory) => {
      const registry = await startDockerRegistry()
      if (registry === undefined) throw new Error('docker-registry is not installed')
      const world = await prepare(directory, { registry: registry.host, size: parseSize(size) })
      try {
        const times: Turn[] = []
        for (let turn = 1; turn <= Number(runs); turn++) times.push(await measureTurn(world, turn))
        const of = (name: keyof Turn): number => median(times.map((turn) => turn[name]))
        const ratio = (a: keyof Turn, b: keyof Turn): number => rounded(of(a) / of(b))
        const engine = await docker('info', '--format', '{{.ServerVersion}} {{.Driver}}')
        const row = (what: string, a: keyof Turn, b: keyof Turn): Row => ({
          Engine: engine,
          size,
          what,
          'docker, ms': Math.round(of(a)),
          'ballast, ms': Math.round(of(b)),
          'ballast / docker': Number((of(b) / of(a)).toFixed(4)),
        })
        return {
          rows: [
            row('into the Engine, a version that it has not got', 'build', 'embed'),
            row('into the Engine, a version that it has', 'rebuild', 'swap'),
            row('into a registry, a version that it has not got', 'buildPush', 'embedRegistry'),
            row('into a registry, a version whose layers it has', 'buildPush', 'swapRegistry'),
            row('docker pull', 'pullBuilt', 'pullEmbedded'),
          ],
          bounds: [
            { what: 'embed into the Engine / docker build', value: ratio('embed', 'build'), atMost: 0.8 },
            {
              what: 'first embed into a registry / build and push',
              value: ratio('embedRegistry', 'buildPush'),
              atMost: 0.2,
            },
            {
              what: 'embed of layers that the registry has / build and push',
              value: Number((of('swapRegistry') / of('buildPush')).toFixed(5)),
              atMost: 0.005,
            },
            {
              what: 'pull of the embedded / of the built image',
              value: ratio('pullEmbedded', 'pullBuilt'),
              atMost: 0.65,
            },
          ],
        }
      } finally {
        await removeImages(world)
        await registry.close()
      }
    }),
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
  await run('tar', ['-C', root, '--owner=0', '--group=0', '-cf', join(directory, 'root.tar'), '.'])
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

async function measureTurn(world: World, turn: number): Promise<Turn> {
  const { directory, store, registry, name } = world
  const context = join(directory, 'context')
  const file = join(context, 'model', 'weights.bin')
  await mkdir(join(context, 'model'), { recursive: true })
  await writeFile(join(context, 'Dockerfile'), `FROM ${name}:base\nCOPY model /app/models\n`)
  const measured = async (work: () => Promise<unknown>): Promise<number> => {
    await settle(directory)
    return (await timed(work)).ms
  }
  // Other bytes for each, so that nobody finds those of another.
  const fresh = async (seed: number): Promise<void> =>
    writeRandomFile(file, { size: world.size, seed: 4 * turn + seed })
  const added = async (seed: number): Promise<string> => {
    await fresh(seed)
    return (await ballast<{ readonly ref: string }>(store, ['add', 'model', join(context, 'model')])).ref
  }
  const embed = (ref: string, from: string, to: string): Promise<unknown> =>
    ballast(store, ['embed', `${ref}=/app/models`, from, '-t', to])

  await fresh(0)
  const build = await measured(() => dockerBuild(`${name}:built${turn}`, context))
  const rebuild = await measured(() => dockerBuild(`${name}:built${turn}`, context))
  const built = `${registry}/${name}:built${turn}`
  await docker('tag', `${name}:built${turn}`, built)
  const push = await measured(() => docker('push', '-q', built))

  const ref = await added(1)
  const embedTime = await measured(() => embed(ref, `${name}:base`, `${name}:embedded`))
  const other = await added(2)
  await embed(other, `${name}:embedded`, `${name}:embedded`)
  const swap = await measured(() => embed(ref, `${name}:embedded`, `${name}:embedded`))

  const remote = `${registry}/${name}:embedded`
  const sent = await added(3)
  const embedRegistry = await measured(() => embed(sent, `${registry}/${name}:base`, remote))
  await embed(ref, `${registry}/${name}:base`, remote)
  const swapRegistry = await measured(() => embed(sent, remote, remote))

  await removeImages(world, (tag) => !tag.endsWith(':base'))
  const pullBuilt = await measured(() => docker('pull', '-q', built))
  const pullEmbedded = await measured(() => docker('pull', '-q', remote))
  await removeImages(world, (tag) => !tag.endsWith(':base'))
  await rm(context, { recursive: true })
  const buildPush = build + push
  return {
    build,
    embed: embedTime,
    rebuild,
    swap,
    buildPush,
    embedRegistry,
    swapRegistry,
    pullBuilt,
    pullEmbedded,
  }
}

/** By the builder that needs nothing beside the Engine. */
async function dockerBuild(image: string, context: string): Promise<void> {
  await run('docker', ['build', '-q', '-t', image, context], {
    env: { ...process.env, DOCKER_BUILDKIT: '0' },
  })
}

async function docker(...args: readonly string[]): Promise<string> {
  return (await run('docker', args, { maxBuffer: 1 << 26 })).stdout.trim()
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
