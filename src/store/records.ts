import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  createFileDurably,
  createPauses,
  type Digest,
  hexOf,
  isDigest,
  listNow,
  makeShared,
  syncDirectory,
} from '../core/index.ts'
import { isName, isTag, numberOfTag, type Reference, type RepositoryName, type Tag } from '../model/index.ts'
import {
  fileOptions,
  repositoryOfDirectory,
  repositoryPath,
  type StoreLayout,
  tagPath,
  untaggedPath,
  versionsPath,
} from './layout.ts'
import { type LinkedLog, linkedLogs } from './links.ts'
import {
  type AppendOptions,
  appendRecord,
  appendRecords,
  type LogEntry,
  type LogView,
  readHead,
  readLog,
} from './log.ts'
import { createLogMemory } from './log-memory.ts'
import { createPolicies, type Policies } from './policies.ts'
import {
  claimFrom,
  type Kind,
  liveVersions,
  moveBack,
  type NumberedVersion,
  type Promotion,
  refuseNumber,
  refuseOtherKind,
  refusePoliced,
  removalsFrom,
  stamped,
  type TagMove,
  type VersionRecord,
} from './record-rules.ts'
import type { Session } from './session.ts'

export interface CurrentTag {
  readonly tag: Tag
  readonly digest: Digest
  readonly kind: Kind
}

/**
 * Names, tags and version numbers: append-only logs, one directory each (design 3). Every change is durable when
 * the call returns, and is made by one link(2), so concurrent writers never lose one another's.
 */
export interface Records {
  listNames(): Promise<readonly RepositoryName[]>
  /** Tags that point somewhere, sorted; version numbers are not among them. */
  listTags(name: RepositoryName): Promise<readonly CurrentTag[]>
  /** Every tag that ever pointed somewhere, sorted. */
  listTagNames(name: RepositoryName): Promise<readonly Tag[]>
  /** Versions that were not removed, by rising number. */
  listVersions(name: RepositoryName): Promise<readonly NumberedVersion[]>
  listUntagged(name: RepositoryName): Promise<readonly Digest[]>
  /** By digest (of a version, tag or untagged manifest), tag or number; undefined when there is none. */
  resolve(reference: Reference): Promise<Digest | undefined>
  /** Every log of the model as it is written, to be held against former heads. */
  logs(name: RepositoryName): Promise<readonly LinkedLog[]>
  /** All moves, oldest first. */
  history(name: RepositoryName, tag: Tag): Promise<readonly LogEntry<TagMove>[]>
  /**
   * Points the tag somewhere, or nowhere. With `onlyFrom`, undefined and nothing done when it points elsewhere by now.
   * Throws CONFLICT for a tag that is a version's number, and for a tag of a model that an image would take or the
   * other way round; REFUSED for a stage with a policy, where the move is no promotion.
   */
  moveTag(
    session: Session,
    name: RepositoryName,
    tag: Tag,
    move: Omit<TagMove, 'time'> & { readonly onlyFrom?: Digest | undefined },
  ): Promise<LogEntry<TagMove> | undefined>
  /**
   * Points the tag at what it pointed to before its last move, among what was not removed since, or to the former `to`. Throws
   * CONFLICT when there is nothing before it. `answer` is asked who answers for that move, and throws where nobody may.
   */
  rollbackTag(session: Session, name: RepositoryName, tag: Tag, how?: RollbackHow): Promise<LogEntry<TagMove>>
  /**
   * The number of a version: the one it has, else the next, else `wanted`. Throws CONFLICT when `wanted` is or was that
   * of other bytes, or is not higher than every number ever used, unless the number was `given` elsewhere.
   */
  claimNumber(
    session: Session,
    name: RepositoryName,
    version: {
      readonly digest: Digest
      readonly from: string
      readonly wanted?: number | undefined
      readonly given?: boolean
    },
  ): Promise<NumberedVersion>
  removeVersion(session: Session, name: RepositoryName, number: number): Promise<void>
  /** Several of a model, in one go through its numbers. */
  removeVersions(session: Session, name: RepositoryName, numbers: readonly number[]): Promise<void>
  addUntagged(session: Session, name: RepositoryName, digest: Digest): Promise<void>
  removeUntagged(name: RepositoryName, digest: Digest): Promise<void>
  readonly policies: Policies
}

export interface RollbackHow {
  readonly to?: Digest | undefined
  readonly answer?: (digest: Digest) => Promise<Promotion | undefined>
}

export function createRecords(layout: StoreLayout): Records {
  const memory = createLogMemory(layout)
  const appending = ({ directory }: Session): AppendOptions => ({
    temporaryDirectory: directory,
    sharing: layout.sharing,
    memory,
  })

  const policies = createPolicies(layout, appending)

  async function refuseStage(
    name: RepositoryName,
    tag: Tag,
    move: Pick<TagMove, 'digest' | 'promotion'>,
  ): Promise<void> {
    if (move.digest === null || move.promotion !== undefined) return
    refusePoliced(move, await policies.of(name, tag), { reference: `${name}:${tag}` })
  }

  async function listTagNames(name: RepositoryName): Promise<readonly Tag[]> {
    return listNow(`${repositoryPath(layout, name)}/tags`)
      .filter(isTag)
      .sort()
  }

  async function listTags(name: RepositoryName): Promise<readonly CurrentTag[]> {
    const current: CurrentTag[] = []
    const pause = createPauses()
    for (const tag of await listTagNames(name)) {
      const head = await readHead<TagMove>(tagPath(layout, name, tag), memory)
      if (head === undefined || head.record.digest === null) continue
      current.push({ tag, digest: head.record.digest, kind: head.record.kind })
      await pause()
    }
    return current
  }

  async function listVersions(name: RepositoryName): Promise<readonly NumberedVersion[]> {
    return liveVersions(await readLog<VersionRecord>(versionsPath(layout, name), memory))
  }

  async function listUntagged(name: RepositoryName): Promise<readonly Digest[]> {
    return listNow(untaggedPath(layout, name))
      .map((hex) => `sha256:${hex}`)
      .filter(isDigest)
  }

  async function isKnown(name: RepositoryName, digest: Digest): Promise<boolean> {
    const versions = await listVersions(name)
    if (versions.some((version) => version.digest === digest)) return true
    if ((await listTags(name)).some((tag) => tag.digest === digest)) return true
    return (await listUntagged(name)).includes(digest)
  }

  /** Leased before they are looked up, so that what is there stays until the tag points to it. */
  async function goneFrom(
    session: Session,
    name: RepositoryName,
    log: readonly LogEntry<TagMove>[],
  ): Promise<ReadonlySet<Digest>> {
    const digests = new Set(log.flatMap(({ record }) => record.digest ?? []))
    await session.lease([...digests])
    const known = new Set<Digest>(await listUntagged(name))
    for (const { digest } of [...(await listVersions(name)), ...(await listTags(name))]) known.add(digest)
    return new Set([...digests].filter((digest) => !known.has(digest)))
  }

  async function removeVersions(
    session: Session,
    name: RepositoryName,
    numbers: readonly number[],
  ): Promise<void> {
    const next = async (log: LogView<VersionRecord>): Promise<readonly VersionRecord[]> =>
      removalsFrom(await log.all(), numbers)
    await appendRecords(versionsPath(layout, name), next, appending(session))
  }

  return {
    listTags,
    listTagNames,
    listVersions,
    listUntagged,
    policies,
    async listNames() {
      // What a file manager or a network file system has put there is none of ours.
      return listNow(layout.repositories).map(repositoryOfDirectory).filter(isName).sort()
    },
    async resolve({ name, tag, digest }) {
      if (digest !== undefined) return (await isKnown(name, digest)) ? digest : undefined
      if (tag === undefined) return undefined
      const head = await readHead<TagMove>(tagPath(layout, name, tag), memory)
      if (head !== undefined) return head.record.digest ?? undefined
      const number = numberOfTag(tag)
      return (await listVersions(name)).find((version) => version.number === number)?.digest
    },
    logs: (name) => linkedLogs(layout, name),
    history: (name, tag) => readLog<TagMove>(tagPath(layout, name, tag), memory),
    async moveTag(session, name, tag, { onlyFrom, ...move }) {
      const { kind } = move
      if (numberOfTag(tag) !== undefined) refuseNumber({ name, tag, kind }, await listVersions(name))
      await refuseStage(name, tag, move)
      const next = async (log: LogView<TagMove>): Promise<TagMove | undefined> => {
        const head = (await log.head())?.record
        if (onlyFrom !== undefined && head?.digest !== onlyFrom) return undefined
        refuseOtherKind({ name, tag, kind }, head)
        return stamped(move)
      }
      return appendRecord<TagMove>(tagPath(layout, name, tag), next, appending(session))
    },
    async rollbackTag(session, name, tag, { to, answer } = {}) {
      for (;;) {
        const log = await readLog<TagMove>(tagPath(layout, name, tag), memory)
        const move = moveBack(log, { name, tag, gone: await goneFrom(session, name, log), to })
        const promotion = await answer?.(move.digest as Digest)
        const answered = { ...move, ...(promotion && { promotion }) }
        await refuseStage(name, tag, answered)
        const next = async (now: LogView<TagMove>): Promise<TagMove | undefined> =>
          (await now.head())?.sequence === log.at(-1)?.sequence ? answered : undefined
        const entry = await appendRecord(tagPath(layout, name, tag), next, appending(session))
        if (entry !== undefined) return entry
      }
    },
    async claimNumber(session, name, version) {
      let held: NumberedVersion | undefined
      const next = async (log: LogView<VersionRecord>): Promise<NumberedVersion | undefined> => {
        const found = claimFrom(await log.all(), { ...version, name })
        held = 'held' in found ? found.held : undefined
        return 'claim' in found ? found.claim : undefined
      }
      const entry = await appendRecord(versionsPath(layout, name), next, appending(session))
      return (entry?.record as NumberedVersion | undefined) ?? (held as NumberedVersion)
    },
    removeVersion: (session, name, number) => removeVersions(session, name, [number]),
    removeVersions,
    async addUntagged(session, name, digest) {
      const directory = untaggedPath(layout, name)
      await makeShared(directory, layout.sharing)
      await createFileDurably(join(directory, hexOf(digest)), '', fileOptions(layout, session))
    },
    async removeUntagged(name, digest) {
      const directory = untaggedPath(layout, name)
      await rm(join(directory, hexOf(digest)), { force: true })
      await syncDirectory(directory).catch(() => undefined)
    },
  }
}
