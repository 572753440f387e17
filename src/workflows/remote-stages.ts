import type { CallOptions } from '../core/index.ts'
import { isTag, numberOfTag, type Tag } from '../model/index.ts'
import type { StoredManifest } from '../oci/index.ts'
import { refusePoliced, type Store } from '../store/index.ts'
import { isBucketRemote } from './bucket-remotes.ts'
import { bucketStages } from './bucket-stages.ts'
import { registryStages } from './registry-stages.ts'
import type { Remote } from './remotes.ts'
import type { ContentOfVersion } from './stage-facts.ts'
import type { StagePlace } from './stage-place.ts'

/** The stages of a remote's model. */
export function stagesAt(remote: Remote): StagePlace {
  const { repository, at, modelName: model = repository.name } = remote
  if (isBucketRemote(remote)) return bucketStages({ repository: remote.repository, model, at })
  return registryStages({ repository, model, at })
}

/**
 * Throws REFUSED where the version that a remote's tag stands for does not keep the policy that the remote has for that tag. `content` is
 * asked for where a rule is about the files.
 */
export async function admitFromRemote(
  store: Store,
  remote: Remote,
  {
    manifest,
    content,
  }: { readonly manifest: Pick<StoredManifest, 'digest'>; readonly content: () => Promise<ContentOfVersion> },
  options: CallOptions,
): Promise<void> {
  const stage = stageOf(remote)
  if (stage === undefined) return
  const { policyKeys } = store
  const place = stagesAt(remote)
  // Loaded for stages alone: the gate brings the scanner with it.
  if (policyKeys.length === 0 && (await place.policyOf(stage, options)) === undefined) return
  const { admit } = await import('./stage-gate.ts')
  await admit({ place, stage, digest: manifest.digest, content, policyKeys }, options)
}

/** The tag that may be a stage; undefined for a number or a digest. */
export function stageOf({ reference }: Pick<Remote, 'reference'>): Tag | undefined {
  return isTag(reference) && numberOfTag(reference) === undefined ? reference : undefined
}

/** Before a byte is sent. Throws REFUSED for a tag that is a stage with a policy, unless it stands there already. */
export async function refuseStageAt(
  remote: Remote,
  {
    tag,
    digest,
    ...how
  }: {
    readonly tag: string
    readonly digest: StoredManifest['digest']
    readonly version?: string | undefined
    readonly first?: string | undefined
  },
  options: CallOptions,
): Promise<void> {
  const stage = stageOf({ reference: tag })
  if (stage === undefined) return
  const place = stagesAt(remote)
  const policy = await place.policyOf(stage, options)
  if (policy === undefined || (await place.standing(stage, options)) === digest) return
  refusePoliced({ digest }, policy, { reference: place.at(stage), ...how })
}
