import {
  BallastError,
  type CallOptions,
  type Digest,
  digestOf,
  isDigest,
  readAll,
  verified,
} from '../core/index.ts'
import {
  attachedBy,
  EMPTY_CONFIG,
  encodeAttachment,
  encodeDocument,
  type Json,
  OCI_MANIFEST,
  parseJson,
} from '../model/index.ts'
import type { ImageRepository } from '../oci/index.ts'
import { putBytes } from './put-bytes.ts'

/** In bytes, of a record. */
const LARGEST = 64 * 1024
/** Longer histories than this are nobody's; a chain that leads in a circle there is none, since each record names the former by digest. */
const MOST_RECORDS = 10_000

/** Records of which each names the former one by the digest of its manifest, in a registry or a layout: the last is under a tag. */
export interface RegistryLog {
  readonly tag: string
  /** Of manifest and layer. */
  readonly type: string
}

export interface RegistryRecord {
  /** Of the manifest. */
  readonly digest: Digest
  readonly record: Json
}

/** Undefined where there is none. Throws DAMAGED for what is there and no record. */
export async function headOfLog(
  repository: ImageRepository,
  log: RegistryLog,
  options: CallOptions = {},
): Promise<RegistryRecord | undefined> {
  return readRecord(repository, { ...log, reference: log.tag }, options)
}

/** From the newest to the oldest. Throws DAMAGED where a record is missing or is none. */
export async function* walkLog(
  repository: ImageRepository,
  log: RegistryLog,
  options: CallOptions = {},
): AsyncGenerator<RegistryRecord> {
  let found = await headOfLog(repository, log, options)
  for (let read = 0; found !== undefined && read < MOST_RECORDS; read++) {
    yield found
    const { previous } = found.record
    if (previous === null) return
    if (typeof previous !== 'string' || !isDigest(previous)) throw damaged(repository, log, found.digest)
    found = await readRecord(repository, { ...log, reference: previous }, options)
    if (found === undefined) throw damaged(repository, log, previous)
  }
}

/** Makes it the last record. A registry has no conditional write: of two who append at the same instant the second wins. */
export async function appendToLog(
  repository: ImageRepository,
  {
    tag,
    type,
    record,
    subject,
  }: RegistryLog & {
    readonly record: Json
    /** What it is about, where that is a version. */
    readonly subject?: { readonly digest: Digest; readonly size: number } | undefined
  },
  options: CallOptions = {},
): Promise<Digest> {
  const former = await headOfLog(repository, { tag, type }, options)
  const data = Buffer.from(JSON.stringify({ ...record, previous: former?.digest ?? null }))
  for (const bytes of [EMPTY_CONFIG, data]) await putBytes(repository, bytes, options)
  const bytes =
    subject === undefined ? encodeDocument({ type, data }) : encodeAttachment(subject, { type, data })
  const digest = digestOf(bytes)
  await repository.putManifest({ mediaType: OCI_MANIFEST, digest, bytes }, tag, options)
  return digest
}

async function readRecord(
  repository: ImageRepository,
  { type, tag, reference }: RegistryLog & { readonly reference: string },
  options: CallOptions,
): Promise<RegistryRecord | undefined> {
  const manifest = await repository.getManifest(reference, options)
  if (manifest === undefined) return undefined
  const layer = attachedBy(manifest.bytes, type)
  if (layer === undefined || layer.size > LARGEST) throw damaged(repository, { type, tag }, manifest.digest)
  const content = repository.openBlob(layer, options).open()
  const record = parseJson(await readAll(verified(content, layer), LARGEST))
  if (record === undefined) throw damaged(repository, { type, tag }, manifest.digest)
  return { digest: manifest.digest, record }
}

function damaged({ name }: ImageRepository, { tag }: RegistryLog, digest: Digest): BallastError {
  return new BallastError('DAMAGED', `${name}:${tag}: the record ${digest} is missing, or is none`, {
    hint: 'somebody has changed or removed it: what it said is not known any more',
  })
}
