import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { BallastError, bytesContent, digestOf, fileContent, isBallastError } from '../core/index.ts'
import {
  buildImage,
  chooseEngine,
  type Engine,
  openEngine,
  pullImage,
  pushImage,
  untagImage,
} from '../docker/index.ts'
import { parseImageReference } from '../embed/index.ts'
import { OCI_CONFIG, OCI_LAYER, OCI_MANIFEST } from '../model/index.ts'
import { openLayout } from '../oci/index.ts'
import { findLogin, isLoopback, openRepository, type RegistryRepository } from '../registry/index.ts'
import type { Store } from '../store/index.ts'
import { embed } from './embed.ts'
import type { ImageAccess } from './image-places.ts'
import type { Stopwatch } from './measure-clock.ts'
import { networkTo } from './registry-network.ts'

/** The Engine and the registry, as far as they are there. */
export interface Elsewhere {
  /** Of the version `measured` in the store, whose one file it is. Leaves nothing in either. */
  measure(round: { readonly file: string; readonly bytes: number; readonly round: number }): Promise<void>
  close(): Promise<void>
}

interface Tools {
  readonly store: Store
  readonly work: string
  readonly clock: Stopwatch
}

/** Throws USAGE for a registry that is no repository. */
export async function openElsewhere(
  { access, registry }: { readonly access: ImageAccess; readonly registry?: string | undefined },
  { store, work, clock }: Tools,
): Promise<Elsewhere> {
  const remote = registry === undefined ? undefined : await openRemote(registry, access)
  noteNetwork(clock, remote)
  const engine = await engineOf(access, clock)
  const local = `ballast-measure-${randomBytes(4).toString('hex')}`
  const base = join(work, 'base')
  await writeBase(base, (await engine?.info())?.platform ?? 'linux/amd64')
  const overNetwork = remote !== undefined && !isLoopback(remote.host)
  const { signal } = clock
  const models = ['measured=/models/measured']
  const embedInto = (result: string): Promise<unknown> =>
    embed(store, { models, image: `oci:${base}:base`, result, access }, { signal })

  async function measureEngine(engine: Engine, { file, bytes, round }: Round): Promise<void> {
    const isThere = engine.endpoint.url.startsWith('unix:')
    const loaded = `load-${round}`
    await withoutImage(engine, { name: local, tag: loaded }, () =>
      clock.time('load', bytes, () => embedInto(`image:${local}:${loaded}`), { overNetwork: !isThere }),
    )
    // With a registry the built image is sent there, under its name.
    if (remote !== undefined) return
    const tag = `build-${round}`
    await withoutImage(engine, { name: local, tag }, () => build(engine, `${local}:${tag}`, { file, bytes }))
  }

  function build(engine: Engine, image: string, { file, bytes }: Omit<Round, 'round'>): Promise<boolean> {
    const content = fileContent(file, bytes)
    return clock.time('build', bytes, () => buildImage(engine, { image, file: content }))
  }

  async function measureRegistry({ name, repository }: Remote, { bytes, round }: Round): Promise<void> {
    const tag = `${local}-${round}`
    await withoutTag(repository, { tag, clock }, async () => {
      const isSent = await clock.time('upload', bytes, () => embedInto(`${name}:${tag}`), { overNetwork })
      if (!isSent || engine === undefined) return
      await withoutImage(engine, { name, tag }, () =>
        clock.time('pull', bytes, () => pullImage(engine, { name, tag }, { signal }), { overNetwork }),
      )
    })
  }

  /** What people do without Ballast. */
  async function measurePlain(engine: Engine, { name, repository }: Remote, round: Round): Promise<void> {
    const { bytes } = round
    const tag = `${local}-${round.round}-built`
    const image = { name, tag }
    await withoutTag(repository, { tag, clock }, async () => {
      const isPushed = await withoutImage(engine, image, async () => {
        if (!(await build(engine, `${name}:${tag}`, round))) return false
        return clock.time('push', bytes, () => pushImage(engine, image, { signal }), { overNetwork })
      })
      if (!isPushed) return
      await withoutImage(engine, image, () =>
        clock.time('pullCompressed', bytes, () => pullImage(engine, image, { signal }), { overNetwork }),
      )
    })
  }

  return {
    async measure(round) {
      if (engine !== undefined) await measureEngine(engine, round)
      if (remote !== undefined) await measureRegistry(remote, round)
      if (engine !== undefined && remote !== undefined) await measurePlain(engine, remote, round)
    },
    async close() {
      engine?.close()
    },
  }
}

type Round = Parameters<Elsewhere['measure']>[0]

interface Remote {
  readonly host: string
  /** `HOST/NAME` */
  readonly name: string
  readonly repository: RegistryRepository
}

async function openRemote(registry: string, access: ImageAccess): Promise<Remote> {
  const image = parseImageReference(registry)
  if (image.kind !== 'registry' || !registry.endsWith(`/${image.name}`)) {
    throw new BallastError('USAGE', `${registry} is no repository of a registry`, {
      hint: 'write HOST/NAME without a tag, for example localhost:5000/measure',
    })
  }
  const { host, name } = image
  const plainHttp = access.plainHttp?.includes(host) === true
  const credentials = () => findLogin(access, { host, name })
  const network = await networkTo(host, access)
  const repository = openRepository({ host, name, credentials, network, ...(plainHttp && { plainHttp }) })
  return { host, name: `${host}/${name}`, repository }
}

function noteNetwork(clock: Stopwatch, remote: Remote | undefined): void {
  if (remote === undefined) {
    clock.note('nothing was sent: no registry was named, and links are assumed')
  } else if (isLoopback(remote.host)) {
    clock.note(
      `${remote.host} is this machine itself: loopback is not your network, and links are still assumed`,
    )
  }
}

async function engineOf(access: ImageAccess, clock: Stopwatch): Promise<Engine | undefined> {
  let engine: Engine | undefined
  try {
    engine = openEngine(await chooseEngine(access.engine ?? { dockerConfig: access.dockerConfig }))
    await engine.info()
    return engine
  } catch (error) {
    engine?.close()
    if (!isBallastError(error)) throw error
    clock.note(`nothing was built, loaded or pulled: ${error.message}`)
    return undefined
  }
}

/** An image of nothing, on which models are embedded. */
async function writeBase(directory: string, platform: string): Promise<void> {
  const layout = await openLayout(directory, { create: true })
  const [os, architecture] = platform.split('/')
  // An archive without entries ends at once.
  const layer = Buffer.alloc(1024)
  const config = Buffer.from(
    JSON.stringify({ os, architecture, config: {}, rootfs: { type: 'layers', diff_ids: [digestOf(layer)] } }),
  )
  const described = (mediaType: string, bytes: Buffer) => ({
    mediaType,
    digest: digestOf(bytes),
    size: bytes.length,
  })
  for (const bytes of [layer, config]) {
    await layout.putBlob(described('', bytes), bytesContent(bytes))
  }
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: described(OCI_CONFIG, config),
      layers: [described(OCI_LAYER, layer)],
    }),
  )
  await layout.putManifest({ mediaType: OCI_MANIFEST, digest: digestOf(manifest), bytes: manifest }, 'base')
}

/** Not with the clock's signal: what is there has to go when the time is up, too. */
async function withoutImage<T>(
  engine: Engine,
  image: { readonly name: string; readonly tag: string },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } finally {
    await untagImage(engine, image).catch(ignoreRefusal)
  }
}

/** A registry that does not answer must not keep everything else waiting. */
const CLEANING_MS = 10_000

/** It may not be there at all. */
function ignoreRefusal(error: unknown): void {
  if (!isBallastError(error)) throw error
}

async function withoutTag(
  repository: RegistryRepository,
  { tag, clock }: { readonly tag: string; readonly clock: Stopwatch },
  work: () => Promise<unknown>,
): Promise<void> {
  try {
    await work()
  } finally {
    await deleteTag(repository, tag).catch((error: unknown) => {
      ignoreRefusal(error)
      clock.note(`images may be left in ${repository.name}: ${(error as BallastError).message}`)
    })
  }
}

async function deleteTag(repository: RegistryRepository, tag: string): Promise<void> {
  const options = { signal: AbortSignal.timeout(CLEANING_MS) }
  const digest = await repository.headManifest(tag, options)
  if (digest !== undefined) await repository.deleteManifest(digest, options)
}
