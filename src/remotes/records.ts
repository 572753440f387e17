import type { Bucket } from '../buckets/index.ts'
import { type CallOptions, type Digest, isDigest } from '../core/index.ts'
import { isTag, numberOfTag, type RepositoryName, type Tag } from '../model/index.ts'
import {
  type CurrentTag,
  claimFrom,
  type LinkedLog,
  type LogEntry,
  type LogKind,
  liveVersions,
  moveBack,
  type NumberedVersion,
  type PolicyRecord,
  type RollbackHow,
  refuseNumber,
  refuseOtherKind,
  refusePoliced,
  removalsFrom,
  stamped,
  type TagMove,
  type VersionRecord,
} from '../store/index.ts'
import {
  policiesPrefix,
  policyPrefix,
  type RemoteLayout,
  tagPrefix,
  tagsPrefix,
  versionsPrefix,
} from './layout.ts'
import { openLog, type RemoteLog, recordKey } from './log.ts'
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
  /** Every log of the model as it is written, to be held against former heads. */
  logs(options?: CallOptions): Promise<readonly LinkedLog[]>
  /** All moves, oldest first. */
  history(tag: Tag, options?: CallOptions): Promise<readonly LogEntry<TagMove>[]>
  /**
   * Points the tag somewhere, or nowhere; undefined where it points there already. Throws CONFLICT for a tag that is a version's
   * number, and for a tag of a model that an image would take or the other way round; REFUSED for a stage with a policy, where the
   * move is no promotion.
   */
  moveTag(
    writer: RecordWriter,
    move: Omit<TagMove, 'time'> & { readonly tag: Tag },
    options?: CallOptions,
  ): Promise<LogEntry<TagMove> | undefined>
  /** Throws CONFLICT when there is nothing before its last move. As of a store's. */
  rollbackTag(writer: RecordWriter, tag: Tag, options?: CallOptions & RollbackHow): Promise<LogEntry<TagMove>>
  /** Throws CONFLICT where the number is or was that of other bytes, or the bytes have another. */
  claimNumber(
    writer: RecordWriter,
    version: { readonly digest: Digest; readonly number: number; readonly from: string },
    options?: CallOptions,
  ): Promise<void>
  removeVersion(writer: RecordWriter, number: number, options?: CallOptions): Promise<void>
  readonly policies: RemotePolicies
}

/** The policies of a model's stages, as in a store. */
export interface RemotePolicies {
  of(stage: Tag, options?: CallOptions): Promise<PolicyRecord | undefined>
  listStages(options?: CallOptions): Promise<readonly Tag[]>
  history(stage: Tag, options?: CallOptions): Promise<readonly LogEntry<PolicyRecord>[]>
  set(writer: RecordWriter, stage: Tag, record: PolicyRecord, options?: CallOptions): Promise<void>
}

export function remoteRecords(bucket: Bucket, layout: RemoteLayout, name: RepositoryName): RemoteRecords {
  const logs = new Map<Tag, RemoteLog<TagMove>>()
  const versions = openLog<VersionRecord>(bucket, versionsPrefix(layout, name))
  const logOf = (tag: Tag): RemoteLog<TagMove> => {
    const log = logs.get(tag) ?? openLog<TagMove>(bucket, tagPrefix(layout, name, tag))
    logs.set(tag, log)
    return log
  }

  const policyLog = (stage: Tag): RemoteLog<PolicyRecord> =>
    openLog<PolicyRecord>(bucket, policyPrefix(layout, name, stage))

  const policies: RemotePolicies = {
    async of(stage, options) {
      const record = (await policyLog(stage).head(options))?.record
      return record?.policy === null ? undefined : record
    },
    listStages: (options) => tagsBelow(policiesPrefix(layout, name), options),
    history: (stage, options) => policyLog(stage).all(options),
    async set(writer, stage, record, options) {
      await policyLog(stage).append(writer, async () => record, options)
    },
  }

  async function refuseStage(
    tag: Tag,
    move: Pick<TagMove, 'digest' | 'promotion'>,
    options?: CallOptions,
  ): Promise<void> {
    if (move.digest === null || move.promotion !== undefined) return
    refusePoliced(move, await policies.of(tag, options), {
      reference: `${bucket.address}/${layout.root}${name}:${tag}`,
    })
  }

  async function tagsBelow(prefix: string, options: CallOptions = {}): Promise<readonly Tag[]> {
    const found = new Set<Tag>()
    for await (const { key } of bucket.list(prefix, options)) {
      const [tag = ''] = key.slice(prefix.length).split('/')
      if (isTag(tag)) found.add(tag)
    }
    return [...found].sort()
  }

  const listTagNames = (options?: CallOptions): Promise<readonly Tag[]> =>
    tagsBelow(tagsPrefix(layout, name), options)

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
    policies,
    async resolve(reference, options) {
      if (isDigest(reference)) return (await isKnown(reference, options)) ? reference : undefined
      if (!isTag(reference)) return undefined
      const head = await logOf(reference).head(options)
      if (head !== undefined) return head.record.digest ?? undefined
      const number = numberOfTag(reference)
      if (number === undefined) return undefined
      return (await listVersions(options)).find((version) => version.number === number)?.digest
    },
    async logs(options) {
      const found: { readonly kind: LogKind; readonly of: string; readonly prefix: string }[] = [
        { kind: 'versions', of: '', prefix: versionsPrefix(layout, name) },
      ]
      for (const of of await listTagNames(options))
        found.push({ kind: 'tags', of, prefix: tagPrefix(layout, name, of) })
      for (const of of await policies.listStages(options))
        found.push({ kind: 'policies', of, prefix: policyPrefix(layout, name, of) })
      const logs: LinkedLog[] = []
      for (const { kind, of, prefix } of found) {
        const links = await openLog(bucket, prefix).links(options)
        const pathOf = (sequence: number): string => `${bucket.address}/${recordKey(prefix, sequence)}`
        if (links.length > 0) logs.push({ kind, of, links, pathOf })
      }
      return logs
    },
    history: (tag, options) => logOf(tag).all(options),
    async moveTag(writer, { tag, ...move }, options) {
      const { kind } = move
      if (numberOfTag(tag) !== undefined) refuseNumber({ name, tag, kind }, await listVersions(options))
      const next = async (log: Pick<RemoteLog<TagMove>, 'head'>): Promise<TagMove | undefined> => {
        const head = (await log.head(options))?.record
        if (head?.digest === move.digest) return undefined
        refuseOtherKind({ name, tag, kind }, head)
        await refuseStage(tag, move, options)
        return stamped(move)
      }
      return logOf(tag).append(writer, next, options)
    },
    async rollbackTag(writer, tag, { to, answer, ...options } = {}) {
      for (;;) {
        const log = await logOf(tag).all(options)
        const gone = new Set<Digest>()
        for (const { record } of log) {
          if (record.digest !== null && !(await isKnown(record.digest, options))) gone.add(record.digest)
        }
        const move = moveBack(log, { name, tag, gone, to })
        const promotion = await answer?.(move.digest as Digest)
        const answered = { ...move, ...(promotion && { promotion }) }
        await refuseStage(tag, answered, options)
        const next = async (now: Pick<RemoteLog<TagMove>, 'head'>): Promise<TagMove | undefined> =>
          (await now.head(options))?.sequence === log.at(-1)?.sequence ? answered : undefined
        const entry = await logOf(tag).append(writer, next, options)
        if (entry !== undefined) return entry
      }
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
      await versions.append(writer, async (log) => removalsFrom(await log.all(options), [number])[0], options)
    },
  }
}
