import { BallastError, type Digest, digestOf } from '../core/index.ts'
import { formatReference, LATEST, numberOfTag, type RepositoryName, type Tag } from '../model/index.ts'
import { type Promotion, refusePoliced, type Session, type Store } from '../store/index.ts'
import { projectTags } from './project.ts'
import { findLeased, numberOf, parseModelReference, resolveDigest } from './resolve.ts'

export interface TagResult {
  readonly ref: string
  readonly digest: Digest
  /** Undefined where none was given, as to what another tool has pushed. */
  readonly number: number | undefined
  /** False when it pointed there already. */
  readonly moved: boolean
  readonly warnings: readonly string[]
}

/** Points `tag` (`prod`, or `sentiment:prod`) of the same model to what the reference denotes. */
export async function tag(store: Store, [text, tagText]: readonly [string, string]): Promise<TagResult> {
  await using session = await store.begin()
  const { reference, number, version } = await findLeased(store, session, text)
  const target = parseModelReference(tagText.includes(':') ? tagText : `${reference.name}:${tagText}`)
  if (target.name !== reference.name) {
    throw new BallastError('USAGE', `${tagText} belongs to another model than ${text}`, {
      hint: `a tag names a version of its own model: ballast tag ${text} ${target.tag ?? LATEST}`,
    })
  }
  const to = { name: reference.name, tag: target.tag ?? LATEST }
  const byNumber = number === 0 ? undefined : `${reference.name}:${number}`
  await refuseStage(store, { ...to, digest: version.digest, version: byNumber })
  const moved = await pointTag(store, session, { ...to, digest: version.digest, by: 'tag' })
  const warnings = moved ? await projectTags(store, session) : []
  return { ref: formatReference(to), digest: version.digest, number, moved, warnings }
}

/** Moves a tag of a model to a version, unless it is there already. */
export async function pointTag(
  store: Store,
  session: Session,
  { name, tag, digest, by }: { name: RepositoryName; tag: Tag; digest: Digest; by: string },
): Promise<boolean> {
  if ((await store.records.resolve({ name, tag })) === digest) return false
  await store.records.moveTag(session, name, tag, { digest, kind: 'model', by })
  return true
}

/**
 * Before a byte is moved. Throws REFUSED for a tag that is a stage with a policy, unless it stands there already, as far as the digest
 * is known by then. `first` is the command that does all but move the stage.
 */
export async function refuseStage(
  store: Store,
  {
    name,
    tag,
    digest,
    ...how
  }: {
    readonly name: RepositoryName
    readonly tag: Tag
    readonly digest?: Digest | undefined
    /** By which name the version could be promoted. */
    readonly version?: string | undefined
    readonly first?: string | undefined
  },
): Promise<void> {
  const policy = await store.records.policies.of(name, tag)
  if (policy === undefined) return
  if (digest !== undefined && (await store.records.resolve({ name, tag })) === digest) return
  const version = digest === undefined ? `${name}:NUMBER` : undefined
  refusePoliced({ digest: digest ?? NONE }, policy, {
    reference: formatReference({ name, tag }),
    version,
    ...how,
  })
}

/** Of bytes that are not known yet. */
const NONE = digestOf('')

/**
 * Points a tag back to the version before its last move, or to the one that is named by its number. Twice in a row returns to where
 * it was. Throws REFUSED where that does not keep the policy of a stage.
 */
export async function rollbackTag(
  store: Store,
  text: string,
  { to, why }: { readonly to?: number | undefined; readonly why?: string | undefined } = {},
): Promise<TagResult> {
  const reference = parseModelReference(text)
  await resolveDigest(store, reference)
  const target = { name: reference.name, tag: reference.tag ?? LATEST }
  if (numberOfTag(target.tag) !== undefined || reference.digest !== undefined) {
    throw new BallastError('USAGE', `${text} never moves, so it cannot be rolled back`, {
      hint: `name a tag: ballast rollback ${reference.name}:latest`,
    })
  }
  await using session = await store.begin({ frees: true })
  // All that can fail comes before the move: to run a rollback again that has happened would undo it.
  const versions = await store.records.listVersions(target.name)
  const wanted = versions.find(({ number }) => number === to)
  if (to !== undefined && wanted === undefined) {
    throw new BallastError('NOT_FOUND', `no version ${target.name}:${to} in the store ${store.root}`, {
      hint: `see \`ballast history ${text}\``,
    })
  }
  const answer = (digest: Digest): Promise<Promotion | undefined> =>
    answerFor(store, { ...target, digest, why })
  const { record } = await store.records.rollbackTag(session, target.name, target.tag, {
    to: wanted?.digest,
    answer,
  })
  const warnings = await projectTags(store, session)
  const digest = record.digest as Digest
  return {
    ref: formatReference(target),
    digest,
    number: versions.find((version) => version.digest === digest)?.number,
    moved: true,
    warnings,
  }
}

/** Of a tag without a policy nobody has to answer for a move. Throws REFUSED. */
async function answerFor(
  store: Store,
  {
    name,
    tag,
    digest,
    why,
  }: {
    readonly name: RepositoryName
    readonly tag: Tag
    readonly digest: Digest
    readonly why: string | undefined
  },
): Promise<Promotion | undefined> {
  const { whoRunsThis } = await import('./who.ts')
  if ((await store.records.policies.of(name, tag)) === undefined && store.policyKeys.length === 0) {
    return why === undefined ? undefined : { who: whoRunsThis(), why }
  }
  const { admit, promotionOf } = await import('./stage-gate.ts')
  const { askInStore } = await import('./store-stages.ts')
  const version = await store.readVersion(digest)
  const number = await numberOf(store, name, digest)
  const judged = await admit(askInStore(store, { reference: { name }, number, version, stage: tag }))
  return promotionOf(judged, { who: whoRunsThis(), why })
}
