import { BallastError, type CallOptions, type Digest, isDigest } from '../core/index.ts'
import { isBucketAddress, LATEST, numberOfTag, parseTag, type Tag } from '../model/index.ts'
import type { Promotion, Session, Store } from '../store/index.ts'
import { type BucketRemote, changing, openBucketRemote } from './bucket-remotes.ts'
import type { ImageAccess } from './image-places.ts'
import { stagesAt } from './remote-stages.ts'
import { nothingThere } from './remotes.ts'
import type { RemoveResult } from './remove.ts'
import { contentAt } from './stage-content.ts'
import { admit, promotionOf } from './stage-gate.ts'
import type { RollbackStage } from './stage-rollback.ts'
import type { TagResult } from './tag.ts'
import { whoRunsThis } from './who.ts'

/** Points `tag` (`prod`, or a whole address with one) of a model in a bucket to what the reference denotes there. */
export async function bucketTag(
  [text, tagText]: readonly [string, string],
  access: ImageAccess,
  options: CallOptions,
): Promise<TagResult> {
  const remote = await openBucketRemote(text, access)
  const tag = await tagOf(remote, tagText, access)
  return changing(remote, options, async (writer) => {
    const { records } = remote.repository
    const digest = await records.resolve(remote.reference, options)
    if (digest === undefined) throw await nothingThere(remote, options)
    const moved = await records.moveTag(writer, { tag, digest, kind: 'model', by: 'tag' }, options)
    return { ...(await resultOf(remote, { tag, digest }, options)), moved: moved !== undefined }
  })
}

/** Points a tag back to the version before its last move. Twice in a row returns to where it was. */
export async function bucketRollback(
  store: Store,
  { text, to, why }: { readonly text: string } & RollbackStage,
  access: ImageAccess,
  options: CallOptions,
): Promise<TagResult> {
  const remote = await openBucketRemote(text, access)
  const tag = movableTag(remote, text)
  await using session = await store.beginReading()
  const answer = (digest: Digest): Promise<Promotion | undefined> =>
    answerFor(store, { session, remote, tag, digest, why }, options)
  return changing(remote, options, async (writer) => {
    if ((await remote.repository.records.history(tag, options)).length === 0)
      throw await nothingThere(remote, options)
    const wanted = to === undefined ? undefined : await remote.repository.records.resolve(`${to}`, options)
    if (to !== undefined && wanted === undefined)
      throw await nothingThere({ ...remote, reference: `${to}` }, options)
    const how = { ...options, to: wanted, answer }
    const { record } = await remote.repository.records.rollbackTag(writer, tag, how)
    return { ...(await resultOf(remote, { tag, digest: record.digest as Digest }, options)), moved: true }
  })
}

/** Of a tag without a policy nobody has to answer for a move. Throws REFUSED. */
async function answerFor(
  store: Store,
  {
    session,
    remote,
    tag,
    digest,
    why,
  }: {
    readonly session: Session
    readonly remote: BucketRemote
    readonly tag: Tag
    readonly digest: Digest
    readonly why: string | undefined
  },
  options: CallOptions,
): Promise<Promotion | undefined> {
  const { repository, at } = remote
  const isPoliced = (await repository.records.policies.of(tag, options)) !== undefined
  if (!isPoliced && store.policyKeys.length === 0)
    return why === undefined ? undefined : { who: whoRunsThis(), why }
  const manifest = await repository.getManifest(digest, options)
  if (manifest === undefined) throw await nothingThere({ ...remote, reference: digest }, options)
  const content = contentAt(store, { session, repository, manifest, at }, options)
  const question = { place: stagesAt(remote), stage: tag, digest, content, policyKeys: store.policyKeys }
  return promotionOf(await admit(question, options), { who: whoRunsThis(), why })
}

/** A tag, or a version by number or digest; with `force`, and tags that point to it. The bytes stay until `gc`. */
export async function bucketRemove(
  text: string,
  access: ImageAccess,
  { force = false, ...options }: CallOptions & { readonly force?: boolean },
): Promise<RemoveResult> {
  const remote = await openBucketRemote(text, access)
  const { records } = remote.repository
  if (!remote.isStated) {
    throw new BallastError('USAGE', `which version of ${text}?`, {
      hint: `one version: ${remote.at('1')}; a tag: ${remote.at('prod')}`,
    })
  }
  return changing(remote, options, async (writer) => {
    const digest = await records.resolve(remote.reference, options)
    if (digest === undefined) throw await nothingThere(remote, options)
    const tags = await records.listTags(options)
    const number = numberOfTag(remote.reference)
    const isVersion = number !== undefined || isDigest(remote.reference)
    const affected = tags.filter((tag) => (isVersion ? tag.digest === digest : tag.tag === remote.reference))
    if (isVersion && affected.length > 0 && !force) {
      throw new BallastError(
        'CONFLICT',
        `${affected.map(({ tag }) => remote.at(tag)).join(', ')} points to ${text}`,
        {
          hint: 'move the tag first (ballast tag), or remove both with --force',
        },
      )
    }
    const removed: string[] = []
    for (const { tag, kind } of affected) {
      await records.moveTag(writer, { tag, digest: null, kind, by: 'remove' }, options)
      removed.push(remote.at(tag))
    }
    const versions = isVersion
      ? (await records.listVersions(options)).filter((version) => version.digest === digest)
      : []
    for (const version of versions) {
      await records.removeVersion(writer, version.number, options)
      removed.push(remote.at(`${version.number}`))
    }
    return { removed, moved: [], warnings: [] }
  })
}

async function tagOf({ at, model }: BucketRemote, tagText: string, access: ImageAccess): Promise<Tag> {
  if (!isBucketAddress(tagText))
    return parseTag(tagText.startsWith(`${model}:`) ? tagText.slice(model.length + 1) : tagText)
  const target = await openBucketRemote(tagText, access)
  if (target.at('x') === at('x')) return movableTag(target, tagText)
  throw new BallastError('USAGE', `${tagText} belongs to another model`, {
    hint: 'a tag names a version of its own model; to carry a version elsewhere: ballast copy',
  })
}

function movableTag({ reference, at }: BucketRemote, text: string): Tag {
  if (!isDigest(reference) && numberOfTag(reference) === undefined) return parseTag(reference)
  throw new BallastError('USAGE', `${text} never moves`, { hint: `name a tag: ${at(LATEST)}` })
}

async function resultOf(
  remote: BucketRemote,
  { tag, digest }: { readonly tag: Tag; readonly digest: Digest },
  options: CallOptions,
): Promise<Omit<TagResult, 'moved'>> {
  const versions = await remote.repository.records.listVersions(options)
  const number = versions.find((version) => version.digest === digest)?.number
  return { ref: remote.at(tag), digest, number, warnings: [] }
}
