import type { RandomAccess } from '../../formats/index.ts'
import { type Context, report } from '../context.ts'
import { escapes } from '../escapes.ts'
import type { ScanFormat } from '../verdict.ts'
import { scanContent } from './content.ts'
import { findDirectories, readLocal, SIZES_FOLLOW, type ZipRecord } from './directory.ts'
import { scanHidden } from './hidden.ts'
import { kindOfZip } from './kind.ts'
import { gapsIn, reportOverlaps, type Span, spanOf } from './spans.ts'

const ENCRYPTED = 0x1
const PATCHED = 0x20
const STRONGLY_ENCRYPTED = 0x40
const MASKED = 0x2000
/** Of what is decompressed where files share bytes, as those of bombs do. */
const MOST_SHARED = 2 * 1024 ** 3

/**
 * A zip in each way in which some loader reads it: by the directory, by any of several, and by what stands before each
 * file. Undefined for what is none. Where the ways differ, that is a finding, and all that they see is looked at.
 */
export async function scanZip(
  context: Context,
  source: RandomAccess,
  head: Uint8Array,
): Promise<ScanFormat | undefined> {
  const directories = await findDirectories(source, context.budget.parts)
  const [main] = directories
  const beginsLikeOne = Buffer.from(head.subarray(0, 4)).equals(Buffer.from('PK\x03\x04'))
  if (main === undefined) {
    if (!beginsLikeOne) return undefined
    report(context, 'hostile', 'malformed', 'it begins like a zip and has no directory')
    await scanHidden(context, source, [{ start: 0, end: source.size }])
    return 'zip'
  }
  const seen = new Map<string, ZipRecord>()
  const spans: Span[] = []
  const others = directories.filter((directory) => directory !== main)
  for (const directory of [main, ...others]) {
    // The end of a zip that is in this one looks like an end of this one.
    if (
      directory !== main &&
      spans.some(({ start, end }) => start <= directory.start && directory.end <= end)
    )
      continue
    if (directory.records.length === 0 && directory !== main) continue
    if (directory !== main) report(context, 'hostile', 'zip-mismatch', 'it has several directories')
    if (directory.isOdd) report(context, 'hostile', 'zip-mismatch', 'its directory is not as its end says')
    for (const record of directory.records) {
      seen.set(`${record.offset} ${record.method} ${record.compressedSize} ${record.name}`, record)
      spans.push(await spanOf(source, record))
    }
  }
  const records = [...seen.values()]
  const kind = kindOfZip(records.map(({ name }) => name))
  reportNames(context, records)
  if (reportOverlaps(context, spans)) {
    context.budget.decompressed = Math.min(context.budget.decompressed, MOST_SHARED)
  }
  for (const record of records) {
    context.signal?.throwIfAborted()
    if (--context.budget.parts < 0) {
      report(context, 'unreadable', 'too-large', 'it has too many files to look at all')
      break
    }
    await scanRecord(context, source, record, kind.isRaw(record.name))
  }
  if (main.end !== source.size)
    report(context, 'hostile', 'zip-mismatch', 'there is something behind its end', main.end)
  await scanHidden(context, source, gapsIn(spans, main))
  for (const { verdict, rule, what } of kind.findings) report(context, verdict, rule, what)
  return kind.format
}

function reportNames(context: Context, records: readonly ZipRecord[]): void {
  const names = new Set<string>()
  for (const { name, isLink } of records) {
    if (escapes(name)) report(context, 'hostile', 'escape', `it has a file that would go elsewhere: ${name}`)
    if (isLink) report(context, 'hostile', 'link', `it has a link: ${name}`)
    if (names.has(name)) report(context, 'hostile', 'zip-mismatch', `it has two files of one name: ${name}`)
    names.add(name)
  }
}

async function scanRecord(
  context: Context,
  source: RandomAccess,
  record: ZipRecord,
  isRaw: boolean,
): Promise<void> {
  const local = await readLocal(source, record.offset)
  if (local === undefined) {
    report(context, 'hostile', 'malformed', `${record.name} is not where its directory says`)
    return
  }
  const flags = record.flags | local.record.flags
  if ((flags & (ENCRYPTED | STRONGLY_ENCRYPTED | PATCHED | MASKED)) !== 0) {
    report(
      context,
      'hostile',
      'zip-mismatch',
      `${record.name} is marked as encrypted or patched, which not all loaders heed`,
    )
  }
  const differs = differences(record, local.record)
  if (differs !== undefined) {
    report(
      context,
      'hostile',
      'zip-mismatch',
      `${record.name}: its ${differs} differs between the file and the directory`,
    )
  }
  if (record.name.endsWith('/') && record.size === 0 && record.compressedSize === 0) return
  await scanContent(context, source, record, { start: local.start, isRaw, isWhole: true })
  const { method, compressedSize, size } = local.record
  const isOther = method !== record.method || (compressedSize !== record.compressedSize && compressedSize > 0)
  if (differs !== undefined && isOther) {
    const other = { ...record, method, compressedSize: compressedSize || record.compressedSize, size }
    await scanContent(context, source, other, { start: local.start, isRaw, isWhole: false })
  }
}

function differences(record: ZipRecord, local: ZipRecord): string | undefined {
  if (record.name !== local.name) return 'name'
  if (record.method !== local.method) return 'method'
  if (((record.flags ^ local.flags) & ~SIZES_FOLLOW & ~0x0806) !== 0) return 'kind'
  // Sizes and checksum that follow the file are 0 before it, or given in 64 bits whatever they are.
  const follows = (local.flags & SIZES_FOLLOW) !== 0
  const isSame = (a: number, b: number): boolean => a === b || (follows && (b === 0 || b === 0xffffffff))
  if (!isSame(record.compressedSize, local.compressedSize) || !isSame(record.size, local.size)) return 'size'
  return isSame(record.crc, local.crc) ? undefined : 'checksum'
}
