import { BallastError, type Digest, hexOf } from '../core/index.ts'
import { formatReference, hasVersion, LATEST, numberOfTag } from '../model/index.ts'
import { isReferrersTag } from '../oci/index.ts'
import type { Store } from '../store/index.ts'
import { projectTags } from './project.ts'
import { parseModelReference, requireName, resolveDigest } from './resolve.ts'

export interface RemoveResult {
  readonly removed: readonly string[]
  /** Tags that now point to something else. */
  readonly moved: readonly string[]
  readonly warnings: readonly string[]
}

/** A tag, a version by number or digest, or with `all` every version. The bytes stay until `gc`. */
export async function remove(
  store: Store,
  text: string,
  { all = false, force = false }: { readonly all?: boolean; readonly force?: boolean } = {},
): Promise<RemoveResult> {
  const reference = parseModelReference(text)
  const { name } = reference
  if (!all && !hasVersion(text)) {
    throw new BallastError('USAGE', `which version of ${name}?`, {
      hint: `one version: ballast remove ${name}:1; a tag: ballast remove ${name}:prod; all: ballast remove ${name} --all`,
    })
  }
  await requireName(store, name)
  await using session = await store.begin({ frees: true })
  const tags = await store.records.listTags(name)
  const versions = await store.records.listVersions(name)
  const number = numberOfTag(reference.tag ?? '')
  const single = versions.filter(
    (version) => version.digest === reference.digest || version.number === number,
  )
  const gone = all ? versions : single
  if (gone.length === 0 && !all && reference.digest === undefined) {
    const digest = await resolveDigest(store, reference)
    const tag = reference.tag ?? LATEST
    const kind = tags.find((current) => current.tag === tag)?.kind ?? 'model'
    await store.records.moveTag(session, name, tag, { digest: null, kind, by: 'remove', onlyFrom: digest })
    const warnings = await projectTags(store, session)
    return { removed: [formatReference(reference)], moved: [], warnings }
  }
  const rest = versions.filter((version) => !gone.includes(version))
  // A tag may lead to a version that has no number any more.
  const affected = tags.filter(
    ({ digest }) => all || digest === reference.digest || gone.some((version) => version.digest === digest),
  )
  if (gone.length === 0 && affected.length === 0) await resolveDigest(store, reference)
  const pinned = affected.filter(({ tag }) => tag !== LATEST)
  if (pinned.length > 0 && !all && !force) {
    throw new BallastError(
      'CONFLICT',
      `${pinned.map(({ tag }) => `${name}:${tag}`).join(', ')} points to ${text}`,
      {
        hint: 'move the tag first (ballast tag), or remove both with --force',
      },
    )
  }
  const moved: string[] = []
  const removed: string[] = []
  const newest = rest.at(-1)
  for (const current of affected) {
    const { tag, digest } = current
    const isPoliced = (await store.records.policies.of(name, tag)) !== undefined
    // A stage is not moved on to what nobody has promoted.
    const stays = tag === LATEST && !isPoliced ? newest : undefined
    const move = { digest: stays?.digest ?? null, kind: current.kind, by: 'remove', onlyFrom: digest }
    // A tag that somebody has moved meanwhile is theirs.
    if ((await store.records.moveTag(session, name, tag, move)) === undefined) continue
    if (stays === undefined) removed.push(`${name}:${tag}`)
    else moved.push(`${name}:${tag} -> ${name}:${stays.number}`)
  }
  for (const { tag, kind, digest } of tags.filter((current) => isAttachedTo(current.tag, gone)))
    await store.records.moveTag(session, name, tag, { digest: null, kind, by: 'remove', onlyFrom: digest })
  for (const version of gone) {
    await store.records.removeVersion(session, name, version.number)
    removed.push(`${name}:${version.number}`)
  }
  if (all) {
    for (const digest of await store.records.listUntagged(name))
      await store.records.removeUntagged(name, digest)
  }
  return { removed, moved, warnings: await projectTags(store, session) }
}

/** Whether other tools have attached something to one of the versions by such a tag: it goes with its version. */
function isAttachedTo(tag: string, versions: readonly { readonly digest: Digest }[]): boolean {
  return isReferrersTag(tag) && versions.some(({ digest }) => tag.startsWith(`sha256-${hexOf(digest)}`))
}
