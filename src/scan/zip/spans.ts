import { type RandomAccess, zipRecords } from '../../formats/index.ts'
import { type Context, report } from '../context.ts'
import { readLocal, SIZES_FOLLOW, type ZipDirectory, type ZipRecord } from './directory.ts'

const LONGEST_DESCRIPTOR = 24

/** Bytes of a file with what stands before and behind it. */
export interface Span {
  readonly start: number
  readonly end: number
}

export async function spanOf(source: RandomAccess, record: ZipRecord): Promise<Span> {
  const local = await readLocal(source, record.offset)
  const start = local?.start ?? record.offset + zipRecords.LOCAL_SIZE
  const descriptor = (record.flags & SIZES_FOLLOW) !== 0 || ((local?.record.flags ?? 0) & SIZES_FOLLOW) !== 0
  return { start: record.offset, end: start + record.compressedSize + (descriptor ? LONGEST_DESCRIPTOR : 0) }
}

export function reportOverlaps(context: Context, spans: readonly Span[]): boolean {
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
export function gapsIn(spans: readonly Span[], { start: directory }: ZipDirectory): readonly Span[] {
  const gaps: Span[] = []
  let covered = 0
  for (const { start, end } of [...spans].sort((a, b) => a.start - b.start)) {
    if (start > covered) gaps.push({ start: covered, end: start })
    covered = Math.max(covered, end)
  }
  if (directory > covered) gaps.push({ start: covered, end: directory })
  return gaps
}
