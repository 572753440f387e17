import type { Digest } from '../core/index.ts'
import type { Description } from '../formats/index.ts'
import {
  formatReference,
  type Lineage,
  type MetadataValues,
  type Metrics,
  type ModelFile,
  mergeMetadata,
  type ParentVersion,
  totalSize,
} from '../model/index.ts'
import type { Store } from '../store/index.ts'
import type { Trusted } from '../trust/index.ts'
import { type CheckedSignature, checkSigned } from './check-signed.ts'
import { descriptionOf } from './inspect-version.ts'
import { childrenOfVersion, readLineages } from './lineage.ts'
import { readMetadata } from './metadata.ts'
import { readMetrics } from './metrics.ts'
import { findVersion } from './resolve.ts'
import { readSigned, storedSignatures } from './signatures.ts'
import { readUsedBy, type SeenUse } from './used-by.ts'

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
  /** What the files are, as it is attached to the version or as they say now. */
  readonly description: Description
  /** Where it was captured from and what it was made from, the oldest first; none for one that was added. */
  readonly lineage: readonly Lineage[]
  /** What evaluations measured, the oldest first. */
  readonly metrics: readonly Metrics[]
  /** Targets, volumes and images that were given it, and have it still as far as can be told; the oldest first. */
  readonly usedBy: readonly SeenUse[]
  /** What was said of it: license, author and others. */
  readonly metadata: MetadataValues
  /** Versions that were made from this one, as far as the store has them. */
  readonly children: readonly ParentVersion[]
  /** Verified only where somebody is named whose signatures are trusted. */
  readonly signatures: readonly CheckedSignature[]
}

export interface ShowOptions {
  readonly trusted?: Trusted | undefined
}

/** Throws what `findVersion` throws. */
export async function show(store: Store, text: string, { trusted }: ShowOptions = {}): Promise<ShownVersion> {
  const { reference, number, version } = await findVersion(store, text)
  const numbered = (await store.records.listVersions(reference.name)).find(
    ({ digest }) => digest === version.digest,
  )
  const tags = await store.records.listTags(reference.name)
  const signed = await readSigned(storedSignatures(store, reference.name), version.digest)
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
    description: await descriptionOf(store, { name: reference.name, version }),
    lineage: await (await readLineages(store, reference.name))(version.digest),
    metrics: await (await readMetrics(store, reference.name))(version.digest),
    usedBy: (await readUsedBy(store, { of: version.digest }))(version.digest),
    metadata: mergeMetadata(await (await readMetadata(store, reference.name))(version.digest)),
    children: await childrenOfVersion(store, version.digest),
    signatures: (await checkSigned(signed, { trusted, subject: version.digest })).signatures,
  }
}
