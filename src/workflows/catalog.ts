import { BallastError, type Digest } from '../core/index.ts'
import {
  diffVersions,
  type FileChange,
  formatReference,
  hasVersion,
  LATEST,
  type ModelFile,
  numberOfTag,
  parseName,
  type RepositoryName,
  type Tag,
  totalSize,
} from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { numberOf, parseModelReference, resolveDigest, resolveVersion } from './resolve.ts'

export interface ListedVersion {
  readonly ref: string
  readonly digest: Digest
  readonly tags: readonly string[]
  readonly files: number
  readonly bytes: number
  readonly added: string
}

/** Every version of every model, or of one. Throws NOT_FOUND for a model that is not there. */
export async function list(store: Store, name?: string): Promise<readonly ListedVersion[]> {
  if (name !== undefined) await requireName(store, name)
  const names = name === undefined ? await store.records.listNames() : [parseModelReference(name).name]
  const listed: ListedVersion[] = []
  for (const model of names) {
    const tags = await store.records.listTags(model)
    for (const { number, digest, time } of await store.records.listVersions(model)) {
      const files = await store.readVersion(digest).then(
        (version) => version.files,
        () => undefined,
      )
      listed.push({
        ref: `${model}:${number}`,
        digest,
        tags: tags.filter((tag) => tag.digest === digest).map(({ tag }) => tag),
        files: files?.length ?? 0,
        bytes: totalSize(files ?? []),
        added: time,
      })
    }
  }
  return listed
}

export interface ShownVersion {
  readonly ref: string
  readonly model: string
  readonly number: number
  readonly digest: Digest
  readonly tags: readonly string[]
  readonly added: string
  readonly from: string
  readonly bytes: number
  readonly files: readonly ModelFile[]
}

export async function show(store: Store, text: string): Promise<ShownVersion> {
  const { reference, number, version } = await resolveVersion(store, text)
  const numbered = (await store.records.listVersions(reference.name)).find(
    ({ digest }) => digest === version.digest,
  )
  const tags = await store.records.listTags(reference.name)
  return {
    ref: formatReference(reference),
    model: reference.name,
    number,
    digest: version.digest,
    tags: tags.filter(({ digest }) => digest === version.digest).map(({ tag }) => tag),
    added: numbered?.time ?? '',
    from: numbered?.from ?? '',
    bytes: totalSize(version.files),
    files: version.files,
  }
}

export interface Move {
  readonly time: string
  readonly tag: string
  readonly by: string
  /** Undefined where the tag was removed. */
  readonly digest: Digest | undefined
  readonly number: number | undefined
}

/** The moves of one tag (`NAME:TAG`), or of all of a model's tags (`NAME`), oldest first. */
export async function history(store: Store, text: string): Promise<readonly Move[]> {
  const reference = parseModelReference(text)
  await requireName(store, reference.name)
  const all = await store.records.listTagNames(reference.name)
  const tags = hasVersion(text) ? [reference.tag ?? LATEST] : all
  const versions = await store.records.listVersions(reference.name)
  const moves: Move[] = []
  for (const tag of tags) {
    for (const { record } of await store.records.history(reference.name, tag)) {
      const digest = record.digest ?? undefined
      const number = versions.find((version) => version.digest === digest)?.number
      moves.push({ time: record.time, tag: `${reference.name}:${tag}`, by: record.by, digest, number })
    }
  }
  if (moves.length === 0) await resolveDigest(store, reference)
  // Stable, so the moves of one tag keep their order whatever the clock said.
  return tags.length === 1 ? moves : moves.sort((a, b) => a.time.localeCompare(b.time))
}

export interface DiffResult {
  readonly from: string
  readonly to: string
  readonly changes: readonly FileChange[]
  readonly same: number
  readonly newBytes: number
}

export async function diff(store: Store, [from, to]: readonly [string, string]): Promise<DiffResult> {
  const [a, b] = [await resolveVersion(store, from), await resolveVersion(store, to)]
  return {
    from: formatReference(a.reference),
    to: formatReference(b.reference),
    ...diffVersions(a.version, b.version),
  }
}

export interface TagResult {
  readonly ref: string
  readonly digest: Digest
  readonly number: number
  /** False when it pointed there already. */
  readonly moved: boolean
}

/** Points `tag` (`prod`, or `sentiment:prod`) of the same model to what the reference denotes. */
export async function tag(store: Store, [text, tagText]: readonly [string, string]): Promise<TagResult> {
  await using session = await store.begin()
  const { reference, number, version } = await resolveVersion(store, text)
  const target = parseModelReference(tagText.includes(':') ? tagText : `${reference.name}:${tagText}`)
  if (target.name !== reference.name) {
    throw new BallastError('USAGE', `${tagText} belongs to another model than ${text}`, {
      hint: `a tag names a version of its own model: ballast tag ${text} ${target.tag ?? LATEST}`,
    })
  }
  await session.lease([version.digest, ...version.files.map((file) => file.digest)])
  await resolveDigest(store, { name: reference.name, digest: version.digest })
  const to = { name: reference.name, tag: target.tag ?? LATEST }
  const moved = (await store.records.resolve(to)) !== version.digest
  if (moved) {
    await store.records.moveTag(session, to.name, to.tag, {
      digest: version.digest,
      kind: 'model',
      by: 'tag',
    })
    await store.project(session)
  }
  return { ref: formatReference(to), digest: version.digest, number, moved }
}

/** Points a tag back to the version before its last move. Twice in a row returns to where it was. */
export async function rollbackTag(store: Store, text: string): Promise<TagResult> {
  const reference = parseModelReference(text)
  await resolveDigest(store, reference)
  const target = { name: reference.name, tag: reference.tag ?? LATEST }
  if (numberOfTag(target.tag) !== undefined || reference.digest !== undefined) {
    throw new BallastError('USAGE', `${text} never moves, so it cannot be rolled back`, {
      hint: `name a tag: ballast rollback ${reference.name}:latest`,
    })
  }
  await using session = await store.begin()
  const { record } = await store.records.rollbackTag(session, target.name, target.tag)
  await store.project(session)
  const digest = record.digest as Digest
  return {
    ref: formatReference(target),
    digest,
    number: await numberOf(store, target.name, digest),
    moved: true,
  }
}

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
  session: Parameters<Store['project']>[0],
  { name, tag }: { readonly name: RepositoryName; readonly tag: Tag },
): Promise<void> {
  await store.records.moveTag(session, name, tag, { digest: null, kind: 'model', by: 'remove' })
}

async function requireName(store: Store, text: string): Promise<void> {
  const { name } = parseModelReference(text)
  if ((await store.records.listNames()).includes(parseName(name))) return
  await resolveDigest(store, { name, tag: LATEST })
}
