import { type CallOptions, type Digest, forEachLimited, isBallastError } from '../core/index.ts'
import { decodeArtifact, numberOfTag } from '../model/index.ts'
import { type ImageRepository, isReferrersTag, type StoredManifest } from '../oci/index.ts'
import { isStageTag } from '../policy/index.ts'
import { digestAt } from './remote-numbers.ts'

/** A model at a remote, as far as its manifest and the tags there tell. */
export interface RemoteModel {
  readonly digest: Digest
  /** Undefined where no tag is a number. */
  readonly number: number | undefined
  /** Those that are no numbers. */
  readonly tags: readonly string[]
  /** Whose form it has, for people: `ModelPack`, `KitOps ModelKit`. */
  readonly kind: string
  readonly contents: readonly RemoteContent[]
}

/** A file or, without a path, an archive of several. Bytes as they are stored there. */
export interface RemoteContent {
  readonly path: string | undefined
  readonly digest: Digest
  readonly size: number
}

const ASKED_AT_ONCE = 8

/** All models under a repository's tags, by number, then those without one. Images are left out. */
export async function modelsAt(
  repository: ImageRepository,
  options: CallOptions = {},
): Promise<readonly RemoteModel[]> {
  const models: RemoteModel[] = []
  const named = [...(await tagsAt(repository, options))]
  const read = async ([digest, tags]: readonly [Digest, readonly string[]], signal: AbortSignal) => {
    const manifest = await repository.getManifest(digest, { ...options, signal })
    const model = manifest && modelIn(manifest, tags)
    if (model !== undefined) models.push(model)
  }
  await forEachLimited(named, ASKED_AT_ONCE, read, options.signal)
  const rank = ({ number = Number.MAX_SAFE_INTEGER }: RemoteModel): number => number
  return models.sort((a, b) => rank(a) - rank(b) || (a.digest < b.digest ? -1 : 1))
}

/** What the tags of a repository stand for: tags by digest. */
export async function tagsAt(
  repository: ImageRepository,
  options: CallOptions = {},
): Promise<ReadonlyMap<Digest, readonly string[]>> {
  const tags = (await repository.listTags(options)).filter((tag) => !isReferrersTag(tag) && !isStageTag(tag))
  const digests = new Map<string, Digest>()
  const ask = async (tag: string, signal: AbortSignal): Promise<void> => {
    const digest = await digestAt(repository, tag, { ...options, signal })
    if (digest !== undefined) digests.set(tag, digest)
  }
  await forEachLimited(tags, ASKED_AT_ONCE, ask, options.signal)
  return Map.groupBy(digests.keys(), (tag) => digests.get(tag) as Digest)
}

/** Undefined for an image, and for what is not read as a model. */
export function modelIn(manifest: StoredManifest, names: readonly string[]): RemoteModel | undefined {
  const artifact = artifactIn(manifest)
  if (artifact === undefined) return undefined
  const numbers = names.flatMap((name) => numberOfTag(name) ?? [])
  return {
    digest: manifest.digest,
    number: numbers.length === 0 ? undefined : Math.min(...numbers),
    tags: names.filter((name) => numberOfTag(name) === undefined),
    kind: artifact.kind,
    contents: artifact.layers.map(({ path, digest, size }) => ({ path, digest, size })),
  }
}

function artifactIn({ bytes }: StoredManifest): ReturnType<typeof decodeArtifact> {
  try {
    return decodeArtifact(bytes)
  } catch (error) {
    if (isBallastError(error, 'REFUSED') || isBallastError(error, 'DAMAGED')) return undefined
    throw error
  }
}
