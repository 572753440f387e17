export type { Aliases } from './aliases.ts'
export type { BlobInfo, IngestOptions } from './blob-file.ts'
export { type BlobStore, damagedBlob, type Ingested, missingBlob, unlessGone } from './blobs.ts'
export type { Cache } from './cache.ts'
export {
  breaksOf,
  type ChainBreak,
  decodeRecord,
  encodeRecord,
  type Link,
  linkOf,
  recordName,
  sequenceOf,
} from './chain.ts'
export type { Holding, Retention, RetentionReport } from './choose-versions.ts'
export type { DerivedBlob, DerivedBlobs } from './derived.ts'
export type { GcOptions, GcReport } from './gc.ts'
export { leaseVersion } from './lease-version.ts'
export type { LinkedLog, LogKind } from './links.ts'
export type { LogEntry } from './log.ts'
export type { Packs } from './packs.ts'
export type { Partials, Place } from './partials.ts'
export type { Policies } from './policies.ts'
export type { ProjectOptions } from './projection.ts'
export {
  claimFrom,
  type Kind,
  liveVersions,
  moveBack,
  type NumberedVersion,
  type PolicyRecord,
  type Promotion,
  refuseNumber,
  refuseOtherKind,
  refusePoliced,
  removalsFrom,
  stamped,
  type TagMove,
  type VersionRecord,
} from './record-rules.ts'
export type { CurrentTag, Records, RollbackHow } from './records.ts'
export type { Referrer } from './referrers.ts'
export {
  byPlace,
  candidatesFor,
  type Hold,
  heldByTags,
  type KeptVersion,
  type RetentionPolicy,
  returnsToFormer,
  type TagFacts,
  type VersionFacts,
} from './retention.ts'
export type { RetentionFile } from './retention-file.ts'
export type { Session } from './session.ts'
export { type BeginOptions, openStore, type Store } from './store.ts'
export { UPLOAD_IDLE_MS, type UploadFiles } from './uploads.ts'
export type { Use, UseKind, Uses } from './uses.ts'
export type { Problem, VerifyReport } from './verify.ts'
export type { BrokenRecord } from './verify-logs.ts'
