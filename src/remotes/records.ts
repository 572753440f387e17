import type { Bucket } from '../buckets/index.ts'
import { type CallOptions, type Digest, isDigest } from '../core/index.ts'
import { isTag, numberOfTag, type RepositoryName, type Tag } from '../model/index.ts'
import {
  type CurrentTag,
  claimFrom,
  type LogEntry,
  liveVersions,
  moveBack,
  type NumberedVersion,
  refuseNumber,
  refuseOtherKind,
  removalFrom,
  stamped,
  type TagMove,
  type VersionRecord,
} from '../store/index.ts'
import { type RemoteLayout, tagPrefix, tagsPrefix, versionsPrefix } from './layout.ts'
import { openLog, type RemoteLog } from './log.ts'
import type { RecordWriter } from './record-writer.ts'

/** Tags and numbers of one model of a remote, by the rules of a store (`store/record-rules.ts`). */
export interface RemoteRecords {
  /** By tag, number or digest; undefined when there is none. */
  resolve(reference: string, options?: CallOptions): Promise<Digest | undefined>
  /** Tags that point somewhere, sorted; version numbers are not among them. */
  listTags(options?: CallOptions): Promise<readonly CurrentTag[]>
  /** Every tag that ever pointed somewhere, sorted. */
  listTagNames(options?: CallOptions): Promise<readonly Tag[]>
  /** Versions that were not removed, by rising number. */
  listVersions(options?: CallOptions): Promise<readonly NumberedVersion[]>
  /** All moves, oldest first. */
  history(tag: Tag, options?: CallOptions): Promise<readonly LogEntry<TagMove>[]>
  /**
   * Points the tag somewhere, or nowhere; undefined where it points there already. Throws CONFLICT for a tag that is a version's
   * number, and for a tag of a model that an image would take or the other way round.
   */
  moveTag(
    writer: RecordWriter,
    move: Omit<TagMove, 'time'> & { readonly tag: Tag },
    options?: CallOptions,
  ): Promise<LogEntry<TagMove> | undefined>
  /** Throws CONFLICT when there is nothing before its last move. */
  rollbackTag(writer: RecordWriter, tag: Tag, options?: CallOptions): Promise<LogEntry<TagMove>>
  /** Throws CONFLICT where the number is or was that of other bytes, or the bytes have another. */
  claimNumber(
    writer: RecordWriter,
    version: { readonly digest: Digest; readonly number: number; readonly from: string },
    options?: CallOptions,
  ): Promise<void>
  removeVersion(writer: RecordWriter, number: number, options?: CallOptions): Promise<void>
}

export function remoteRecords(bucket: Bucket, layout: RemoteLayout, name: RepositoryName): RemoteRecords {
  const logs = new Map<Tag, RemoteLog<TagMove>>()
  const versions = openLog<VersionRecord>(bucket, versionsPrefix(layout, name))
  const logOf = (tag: Tag): RemoteLog<TagMove> => {
    const log = logs.get(tag) ?? openLog<TagMove>(bucket, tagPrefix(layout, name, tag))
    logs.set(tag, log)
    return log
  }

  async function listTagNames(options: CallOptions = {}): Promise<readonly Tag[]> {
    const prefix = tagsPrefix(layout, name)
    const found = new Set<Tag>()
    for await (const { key } of bucket.list(prefix, options)) {
      const [tag = ''] = key.slice(prefix.length).split('/')
      if (isTag(tag)) found.add(tag)
    }
    return [...found].sort()
  }

  async function listTags(options?: CallOptions): Promise<readonly CurrentTag[]> {
    const current: CurrentTag[] = []
    for (const tag of await listTagNames(options)) {
      const head = await logOf(tag).head(options)
      if (head === undefined || head.record.digest === null) continue
      current.push({ tag, digest: head.record.digest, kind: head.record.kind })
    }
    return current
  }

  async function listVersions(options?: CallOptions): Promise<readonly NumberedVersion[]> {
    return liveVersions(await versions.all(options))
  }

  async function isKnown(digest: Digest, options?: CallOptions): Promise<boolean> {
    if ((await listVersions(options)).some((version) => version.digest === digest)) return true
    return (await listTags(options)).some((tag) => tag.digest === digest)
  }

  return {
    listTags,
    listTagNames,
    listVersions,
    async resolve(reference, options) {
      if (isDigest(reference)) return (await isKnown(reference, options)) ? reference : undefined
      if (!isTag(reference)) return undefined
      const head = await logOf(reference).head(options)
      if (head !== undefined) return head.record.digest ?? undefined
      const number = numberOfTag(reference)
      if (number === undefined) return undefined
      return (await listVersions(options)).find((version) => version.number === number)?.digest
    },
    history: (tag, options) => logOf(tag).all(options),
    async moveTag(writer, { tag, ...move }, options) {
      const { kind } = move
      if (numberOfTag(tag) !== undefined) refuseNumber({ name, tag, kind }, await listVersions(options))
      const next = async (log: Pick<RemoteLog<TagMove>, 'head'>): Promise<TagMove | undefined> => {
        const head = (await log.head(options))?.record
        if (head?.digest === move.digest) return undefined
        refuseOtherKind({ name, tag, kind }, head)
        return stamped(move)
      }
      return logOf(tag).append(writer, next, options)
    },
    async rollbackTag(writer, tag, options) {
      const gone = new Set<Digest>()
      for (const { record } of await logOf(tag).all(options)) {
        if (record.digest !== null && !(await isKnown(record.digest, options))) gone.add(record.digest)
      }
      const next = async (log: Pick<RemoteLog<TagMove>, 'all'>): Promise<TagMove> =>
        moveBack(await log.all(options), { name, tag, gone })
      return (await logOf(tag).append(writer, next, options)) as LogEntry<TagMove>
    },
    async claimNumber(writer, { number, ...version }, options) {
      await versions.append(
        writer,
        async (log) => {
          const found = claimFrom(await log.all(options), { ...version, name, wanted: number, given: true })
          return 'claim' in found ? found.claim : undefined
        },
        options,
      )
    },
    async removeVersion(writer, number, options) {
      await versions.append(writer, async (log) => removalFrom(await log.all(options), number), options)
    },
  }
}
