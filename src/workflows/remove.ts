import { BallastError } from '../core/index.ts'
import {
  formatReference,
  hasVersion,
  LATEST,
  numberOfTag,
  type RepositoryName,
  type Tag,
} from '../model/index.ts'
import type { Session, Store } from '../store/index.ts'
import { parseModelReference, requireName, resolveDigest } from './resolve.ts'

export interface RemoveResult {
  readonly removed: readonly string[]
  /** Tags that now point to something else. */
  readonly moved: readonly string[]
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
  await using session = await store.begin()
  const tags = await store.records.listTags(name)
  const versions = await store.records.listVersions(name)
  const number = numberOfTag(reference.tag ?? '')
  const single = versions.filter(
    (version) => version.digest === reference.digest || version.number === number,
  )
  const gone = all ? versions : single
  if (gone.length === 0 && !all && reference.digest === undefined) {
    await resolveDigest(store, reference)
    await dropTag(store, session, { name, tag: reference.tag ?? LATEST })
    await store.project(session)
    return { removed: [formatReference(reference)], moved: [] }
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
  for (const { tag } of affected) {
    if (tag === LATEST && newest !== undefined) {
      await store.records.moveTag(session, name, tag, { digest: newest.digest, kind: 'model', by: 'remove' })
      moved.push(`${name}:${tag} -> ${name}:${newest.number}`)
    } else {
      await dropTag(store, session, { name, tag })
      removed.push(`${name}:${tag}`)
    }
  }
  for (const version of gone) {
    await store.records.removeVersion(session, name, version.number)
    removed.push(`${name}:${version.number}`)
  }
  await store.project(session)
  return { removed, moved }
}

async function dropTag(
  store: Store,
  session: Session,
  { name, tag }: { readonly name: RepositoryName; readonly tag: Tag },
): Promise<void> {
  await store.records.moveTag(session, name, tag, { digest: null, kind: 'model', by: 'remove' })
}
