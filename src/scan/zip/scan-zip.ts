import { type RandomAccess, zipRecords } from '../../model/index.ts'
import { decompress, METHODS } from '../compressed/index.ts'
import { type Context, report } from '../context.ts'
import { keepLimited } from '../keep-limited.ts'
import { chunksOf, renamed, slice } from '../sources.ts'
import type { ScanFormat } from '../verdict.ts'
import { crcOf } from './crc.ts'
import { findDirectories, readLocal, type ZipDirectory, type ZipRecord } from './directory.ts'
import { kindOfZip } from './kind.ts'

const STORED = 0
const ENCRYPTED = 0x1
const PATCHED = 0x20
const STRONGLY_ENCRYPTED = 0x40
const MASKED = 0x2000
const SIZES_FOLLOW = 0x8
const LONGEST_DESCRIPTOR = 24
/** Beyond these, more of them would tell nothing new. */
const MOST_HIDDEN = 64
/** Of what is decompressed where files share bytes, as those of bombs do. */
const MOST_SHARED = 2 * 1024 ** 3
/** Weights that are stored as they are: beyond this, reading them for their checksum would take long. */
const MOST_CHECKED = 256 * 1024 * 1024

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

interface Span {
  readonly start: number
  readonly end: number
}

async function spanOf(source: RandomAccess, record: ZipRecord): Promise<Span> {
  const local = await readLocal(source, record.offset)
  const start = local?.start ?? record.offset + zipRecords.LOCAL_SIZE
  const descriptor = (record.flags & SIZES_FOLLOW) !== 0 || ((local?.record.flags ?? 0) & SIZES_FOLLOW) !== 0
  return { start: record.offset, end: start + record.compressedSize + (descriptor ? LONGEST_DESCRIPTOR : 0) }
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

export function escapes(name: string): boolean {
  return /^(?:[/\\]|[A-Za-z]:)|(?:^|[/\\])\.\.(?:[/\\]|$)|\0/.test(name)
}

function reportOverlaps(context: Context, spans: readonly Span[]): boolean {
  const sorted = [...spans].sort((a, b) => a.start - b.start)
  for (const [index, { start }] of sorted.entries()) {
    const before = sorted[index - 1]
    // The checksum and sizes behind a file take 12 to 24 bytes, nobody says how many.
    if (before === undefined || before.end - LONGEST_DESCRIPTOR <= start) continue
    report(context, 'hostile', 'zip-mismatch', 'files in it share bytes', start)
    return true
  }
  return false
}

/** Where no file is that the directory names. */
function gapsIn(spans: readonly Span[], { start: directory }: ZipDirectory): readonly Span[] {
  const gaps: Span[] = []
  let covered = 0
  for (const { start, end } of [...spans].sort((a, b) => a.start - b.start)) {
    if (start > covered) gaps.push({ start: covered, end: start })
    covered = Math.max(covered, end)
  }
  if (directory > covered) gaps.push({ start: covered, end: directory })
  return gaps
}

/** Files that no directory names: loaders that read from the front see them. */
async function scanHidden(context: Context, source: RandomAccess, gaps: readonly Span[]): Promise<void> {
  let hidden = 0
  for (const { start, end } of gaps) {
    let isEmpty = true
    let skipTo = start
    for await (const { bytes, at } of overlapping(source, start, end)) {
      isEmpty &&= bytes.every((byte) => byte === 0)
      for (let found = bytes.indexOf(SIGNATURE); found >= 0; found = bytes.indexOf(SIGNATURE, found + 1)) {
        if (at + found < skipTo) continue
        const local = await readLocal(source, at + found)
        if (local === undefined || local.record.name === '' || --context.budget.parts < 0) continue
        if (++hidden > MOST_HIDDEN) return
        report(
          context,
          'hostile',
          'zip-hidden',
          `it has a file that its directory does not name: ${local.record.name}`,
          at + found,
        )
        const rest = end - local.start
        const isOpen = local.record.compressedSize === 0 || local.record.compressedSize > rest
        const record = isOpen
          ? { ...local.record, compressedSize: Math.max(0, rest), size: -1, crc: 0 }
          : local.record
        await scanContent(context, source, record, { start: local.start, isRaw: false, isWhole: false })
        if (!isOpen) skipTo = local.start + record.compressedSize
      }
    }
    if (!isEmpty && start === 0)
      report(context, 'hostile', 'zip-mismatch', 'there is something before its first file', 0)
    else if (!isEmpty)
      report(context, 'hostile', 'zip-mismatch', 'there is something between its files', start)
  }
}

const SIGNATURE = Buffer.from('PK\x03\x04')

async function* overlapping(source: RandomAccess, start: number, end: number) {
  let carried = Buffer.alloc(0)
  let at = start
  for await (const chunk of chunksOf(source, start, end)) {
    const bytes = Buffer.concat([carried, chunk])
    yield { bytes, at: at - carried.length }
    at += chunk.length
    carried = Buffer.from(bytes.subarray(-3))
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

interface ContentOptions {
  readonly start: number
  readonly isRaw: boolean
  /** Its checksum and its size are those of the record. */
  readonly isWhole: boolean
}

async function scanContent(
  context: Context,
  source: RandomAccess,
  record: ZipRecord,
  { start, isRaw, isWhole }: ContentOptions,
): Promise<void> {
  const { name, method, compressedSize, size, crc } = record
  const packed = renamed(slice(source, start, compressedSize), name)
  if (packed.size < compressedSize) report(context, 'hostile', 'malformed', `${name} ends too early`)
  if (method === STORED) {
    if (isWhole && size !== compressedSize)
      report(context, 'hostile', 'zip-mismatch', `${name} is stored, but in two sizes`)
    if (isWhole && packed.size <= MOST_CHECKED && (await crcOf(chunksOf(packed))) !== crc)
      report(context, 'hostile', 'checksum', `${name} has another checksum than the directory says`)
    await context.scanInner(context, name, packed, { isRaw })
    return
  }
  const engine = METHODS[method]
  if (engine === undefined) {
    report(context, 'unreadable', 'unread', `${name} is compressed in a way that is not read (${method})`)
    return
  }
  const kept = await keepLimited(context, name, decompress(engine, packed), packed.size)
  try {
    if (kept.error !== undefined && isWhole) report(context, 'hostile', 'malformed', `${name} is damaged`)
    else if (isWhole && kept.source.size !== size)
      report(context, 'hostile', 'zip-mismatch', `${name} is of another size than the directory says`)
    else if (isWhole && (await crcOf(chunksOf(kept.source))) !== crc)
      report(context, 'hostile', 'checksum', `${name} has another checksum than the directory says`)
    await context.scanInner(context, name, kept.source, { isRaw })
  } finally {
    await kept.release()
  }
}
