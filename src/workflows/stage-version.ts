import { BallastError, type CallOptions, type Digest } from '../core/index.ts'
import {
  formatReference,
  hasVersion,
  isRemote,
  isTag,
  numberOfTag,
  parseTag,
  type Tag,
} from '../model/index.ts'
import type { Session, Store } from '../store/index.ts'
import type { ImageAccess } from './image-places.ts'
import { projectTags } from './project.ts'
import { findModel } from './pull.ts'
import { putSigned } from './put-signature.ts'
import { numberThere } from './remote-numbers.ts'
import { stagesAt } from './remote-stages.ts'
import { openRemote, type Remote } from './remotes.ts'
import { findLeased, parseModelReference } from './resolve.ts'
import { attachSigned, type Signed } from './signatures.ts'
import { contentAt } from './stage-content.ts'
import type { ContentOfVersion } from './stage-facts.ts'
import type { StageQuestion } from './stage-gate.ts'
import type { StagePlace } from './stage-place.ts'
import { storeStages } from './store-stages.ts'

/** A version that is to be approved or promoted, in the store or at a remote. */
export interface StageVersion {
  readonly place: StagePlace
  readonly digest: Digest
  readonly number: number | undefined
  /** By number, else by digest. */
  readonly ref: string
  /** At a remote it is brought into the store, where nothing leads to it. */
  readonly content: () => Promise<ContentOfVersion>
  readonly attach: (signature: Signed['signature']) => Promise<void>
  /** After a change; for people what could not be brought up to it. */
  readonly settle: () => Promise<readonly string[]>
}

export interface StageAccess {
  readonly ref: string
  readonly access: ImageAccess
}

/** Works on the version that a reference denotes, which stays while that goes on. Throws what resolving it throws. */
export async function withStageVersion<T>(
  store: Store,
  { ref, access }: StageAccess,
  options: CallOptions,
  work: (version: StageVersion) => Promise<T>,
): Promise<T> {
  await using session = await store.begin()
  if (!isRemote(ref)) return await work(await versionInStore(store, session, ref))
  const remote = await openRemote(ref, access, { store })
  try {
    return await work(await versionAt(store, session, remote, options))
  } finally {
    await remote.repository.close?.()
  }
}

/** What the gate is asked of it. */
export function questionOf(
  { place, digest, ref, content }: StageVersion,
  { stage, store }: { readonly stage: Tag; readonly store: Store },
): StageQuestion {
  return { place, stage, digest, ref, content, policyKeys: store.policyKeys }
}

/** `prod`, or a whole reference to a tag of the same model. Throws USAGE. */
export function stageIn(text: string, place: StagePlace): Tag {
  const stage = text.startsWith(place.at('')) ? text.slice(place.at('').length) : text
  if (!isTag(stage)) {
    throw new BallastError('USAGE', `${JSON.stringify(text)} is no stage of ${place.model}`, {
      hint: 'a stage is a tag of the version’s own model, as prod',
    })
  }
  if (numberOfTag(stage) === undefined) return stage
  throw new BallastError('USAGE', `${stage} is a version number, and numbers never move`, {
    hint: 'name a tag with a letter in it, as prod',
  })
}

/** The stages of a model that is named with or without a tag, and the tag where there is one. */
export async function withStages<T>(
  store: Store,
  { ref, access }: StageAccess,
  work: (place: StagePlace, stage: Tag | undefined) => Promise<T>,
): Promise<T> {
  if (!isRemote(ref)) {
    const { name, tag, digest } = parseModelReference(ref)
    const stage = hasVersion(ref) ? (digest ?? tag) : undefined
    const place = storeStages(store, name)
    return work(place, stage === undefined ? undefined : stageIn(stage, place))
  }
  const remote = await openRemote(ref, access, { create: true, store })
  try {
    const place = stagesAt(remote)
    return await work(place, remote.isStated ? stageIn(remote.reference, place) : undefined)
  } finally {
    await remote.repository.close?.()
  }
}

async function versionInStore(store: Store, session: Session, ref: string): Promise<StageVersion> {
  const { reference, number, version } = await findLeased(store, session, ref)
  const { name } = reference
  const { digest } = version
  return {
    place: storeStages(store, name, session),
    digest,
    number: number === 0 ? undefined : number,
    ref: formatReference(number === 0 ? { name, digest } : { name, tag: parseTag(`${number}`) }),
    content: async () => ({ store, version }),
    attach: async (signature) => {
      await attachSigned(store, session, { name, subject: digest, signature })
    },
    settle: () => projectTags(store, session),
  }
}

async function versionAt(
  store: Store,
  session: Session,
  remote: Remote,
  options: CallOptions,
): Promise<StageVersion> {
  const { repository, at } = remote
  const manifest = await findModel(remote, options)
  const { digest } = manifest
  const number = await numberThere(repository, digest, options)
  return {
    place: stagesAt(remote),
    digest,
    number,
    ref: at(number === undefined ? digest : `${number}`),
    content: contentAt(store, { session, repository, manifest, at }, options),
    attach: (signature) => putSigned(repository, { subject: manifest, signature }, options),
    settle: async () => [],
  }
}
