import { type Admit, BallastError, type CallOptions } from '../core/index.ts'
import { childrenOf, DOCKER_MANIFEST_LIST, isOwnManifest, MODEL_MANIFEST, OCI_INDEX } from '../model/index.ts'
import { platformsOf, type StoredManifest } from '../oci/index.ts'
import type { Store } from '../store/index.ts'
import type { ImageAccess } from './image-places.ts'
import { pullFiles } from './pull-files.ts'
import type { PullPlace, PullResult } from './pull-place.ts'
import { targetOf } from './pull-target.ts'
import { pullVersion } from './pull-version.ts'
import { nothingThere, openRemote, type Remote } from './remotes.ts'

export interface PullRequest {
  /** `HOST/NAME[:TAG|@DIGEST]`. */
  readonly remote: string
  /** `NAME[:TAG]` in the store; by default as at the remote. */
  readonly name?: string | undefined
  readonly access: ImageAccess
  /** Asked before what the store has not got is fetched. */
  readonly admit?: Admit | undefined
}

/**
 * A version comes from a remote, with its number and what is attached to it. Nothing leads to it in the store before it is
 * whole and verified. Throws USAGE, NOT_FOUND, DAMAGED, CONFLICT where numbers clash, and what the remote throws.
 */
export async function pull(
  store: Store,
  { remote: text, name, access, admit }: PullRequest,
  options: CallOptions = {},
): Promise<PullResult> {
  return pullFrom(store, { remote: await openRemote(text, access), name, admit }, options)
}

/** The same from a remote that is open already. */
export async function pullFrom(
  store: Store,
  { remote, name, admit }: Pick<PullRequest, 'name' | 'admit'> & { readonly remote: Remote },
  options: CallOptions = {},
): Promise<PullResult> {
  const started = performance.now()
  const target = targetOf(remote, name)
  const manifest = await findModel(remote, options)
  const place: PullPlace = { remote, target, manifest, wanted: name, admit }
  const pulled = isOwnManifest(manifest.bytes)
    ? await pullVersion(store, place, options)
    : await pullFiles(store, place, options)
  return { ...pulled, from: remote.at(remote.reference), ms: Math.round(performance.now() - started) }
}

/** Of an index the model that is beside its images, else the first of these: the model is the same in each. Throws NOT_FOUND. */
export async function findModel(remote: Remote, options: CallOptions): Promise<StoredManifest> {
  const { repository, reference } = remote
  const found = await repository.getManifest(reference, options)
  if (found === undefined) throw await nothingThere(remote, options)
  if (found.mediaType !== OCI_INDEX && found.mediaType !== DOCKER_MANIFEST_LIST) return found
  const model = childrenOf(found.bytes).find(({ artifactType }) => artifactType === MODEL_MANIFEST)
  const chosen = model ?? platformsOf(found.bytes)[0]?.descriptor
  const manifest = chosen && (await repository.getManifest(chosen.digest, options))
  if (manifest !== undefined) return manifest
  throw new BallastError('NOT_FOUND', `${remote.at(reference)} is an index of nothing that is there`, {
    hint: 'whoever pushed it left out its images',
  })
}
