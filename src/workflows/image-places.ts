import { basename, resolve } from 'node:path'
import type { BucketAccess } from '../buckets/index.ts'
import { BallastError, isDigest } from '../core/index.ts'
import type { EngineChoice, ImageMemory } from '../docker/index.ts'
import { type ImagePlace, type ImageReference, parseImageReference } from '../embed/index.ts'
import type { Network } from '../http/index.ts'
import { isTag, LATEST } from '../model/index.ts'
import {
  createArchive,
  formatImageName,
  type ImageName,
  imageNameFrom,
  openArchive,
  openLayout,
  parseImageName,
} from '../oci/index.ts'
import type { MirrorFiles, RepositoryOptions } from '../registry/index.ts'
import type { Store } from '../store/index.ts'
import { openRegistry } from './open-registry.ts'
import type { RegistryTrust } from './registry-network.ts'
import { uploadJournal } from './upload-journal.ts'

/** What it takes to reach images: nothing here is read from the environment. */
export interface ImageAccess {
  /** Docker's configuration directory, for credentials. */
  readonly dockerConfig: string
  /** Files with logins as Podman has them, looked at in this order where Docker's has none. */
  readonly authFiles?: readonly string[]
  /** Registries to be spoken to without TLS, beside those on loopback. */
  readonly plainHttp?: readonly string[]
  /** How registries are reached. */
  readonly network?: Network | undefined
  /** How long registries are waited for, and how often they are asked again. */
  readonly patience?: Pick<RepositoryOptions, 'patience' | 'retryDelays'>
  /** Which certificates are trusted, and shown, in TLS with registries. */
  readonly trust?: RegistryTrust | undefined
  /** Where it is written which registries are read through others; without it each is read itself. */
  readonly mirrors?: MirrorFiles | undefined
  /** Which Engine; undefined as the docker command would choose without any environment. */
  readonly engine?: EngineChoice
  /** Of models in buckets. */
  readonly buckets?: BucketAccess
  /** Writers of a bucket take turns by a lock, where its server has no conditional writes. */
  readonly lock?: boolean | undefined
}

/** Of an archive, `image` and `reference` have the image's whole name, where it has one. */
export type OpenedImage = ImagePlace & { readonly image: ImageReference }

export interface OpenImageOptions {
  /** To be written to. */
  readonly create?: boolean
  /** What the registry itself has, and no mirror: for who goes by it when it writes. Without effect beside `create`. */
  readonly direct?: boolean
  /** Whose name the image gets in an archive that is written, where the operand states none. */
  readonly base?: ImageReference
  /** Remembers what reading an Engine's image has found out, and uploads that have been begun. */
  readonly store?: Store
}

/**
 * The repository that an operand names. Throws USAGE; NOT_FOUND for a layout or archive that is not there, unless
 * `create`. Whoever writes closes the repository in the end.
 */
export async function openImage(
  text: string,
  access: ImageAccess,
  { create = false, direct = false, base, store }: OpenImageOptions = {},
): Promise<OpenedImage> {
  const image = parseImageReference(text)
  if (image.kind === 'layout') {
    return { image, repository: await openLayout(image.path, { create }), reference: image.reference }
  }
  if (image.kind === 'archive') return openInArchive(image, { create, base: base ?? image })
  if (image.kind === 'engine') return openInEngine(image, { access, store })
  const { host, name, reference } = image
  const asked = { host, name, reference, direct: create || direct, journal: store && uploadJournal(store) }
  const repository = await openRegistry(asked, access)
  return { image, repository, reference }
}

/** Whoever writes where it has read goes by what is there, and not by what a mirror has of it. */
export function isSameRepository(text: string, other: string): boolean {
  const [one, two] = [parseImageReference(text), parseImageReference(other)]
  return one.kind === 'registry' && two.kind === 'registry' && one.host === two.host && one.name === two.name
}

async function openInEngine(
  image: Extract<ImageReference, { readonly kind: 'engine' }>,
  { access, store }: { readonly access: ImageAccess; readonly store: Store | undefined },
): Promise<OpenedImage> {
  // Loaded here, for those who need an Engine only.
  const { chooseEngine, openEngine, openEngineRepository } = await import('../docker/index.ts')
  const engine = openEngine(await chooseEngine(access.engine ?? { dockerConfig: access.dockerConfig }))
  const { name, reference } = image
  return { image, repository: openEngineRepository(engine, { name, memory: memoryIn(store) }), reference }
}

/** Entries of the store's cache, which anybody may drop. */
function memoryIn(store: Store | undefined): ImageMemory {
  const kind = 'engine-images'
  return {
    get: async (id) => store?.cache.get(kind, id),
    async put(id, data) {
      if (store === undefined) return
      await using session = await store.beginReading()
      await store.cache.put(session, kind, { digest: id, data })
    },
  }
}

async function openInArchive(
  { path, reference: asked }: Extract<ImageReference, { readonly kind: 'archive' }>,
  { create, base }: { readonly create: boolean; readonly base: ImageReference },
): Promise<OpenedImage> {
  if (create) {
    const reference = formatImageName(nameOfResult(asked, base))
    return { image: { kind: 'archive', path, reference }, repository: await createArchive(path), reference }
  }
  const repository = await openArchive(path)
  const reference = repository.imageName(asked)
  return { image: { kind: 'archive', path, reference }, repository, reference }
}

/** `NAME:TAG` as it is stated; a mere tag is one of the base's name, and nothing means the base's own name and tag. */
function nameOfResult(reference: string, base: ImageReference): ImageName {
  if (reference === '' || isTag(reference)) {
    const { name, tag } = nameOf(base)
    return { name, tag: reference === '' ? tag : reference }
  }
  const name = parseImageName(reference)
  if (name !== undefined) return name
  throw new BallastError('USAGE', `not a name for an image: ${reference}`, {
    hint: 'write NAME:TAG in lower case, as my_ml_app:v2 or localhost:5000/my_ml_app:v2, or a TAG alone',
  })
}

/** What Engines would call the image. */
function nameOf(image: ImageReference): ImageName {
  const { reference } = image
  const tag = isTag(reference) && !isDigest(reference) ? reference : LATEST
  if (image.kind === 'registry') return { name: `${image.host}/${image.name}`, tag }
  if (image.kind === 'engine') return { name: image.name, tag }
  const ofFile = basename(resolve(image.path)).replace(/\.tar$/, '')
  return parseImageName(reference) ?? { name: imageNameFrom(ofFile), tag }
}
