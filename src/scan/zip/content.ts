import type { RandomAccess } from '../../formats/index.ts'
import { decompress, METHODS } from '../compressed/index.ts'
import { type Context, report } from '../context.ts'
import { keepLimited } from '../keep-limited.ts'
import { chunksOf, renamed, slice } from '../sources.ts'
import { crcOf } from './crc.ts'
import type { ZipRecord } from './directory.ts'

const STORED = 0
/** Weights that are stored as they are: beyond this, reading them for their checksum would take long. */
const MOST_CHECKED = 256 * 1024 * 1024

export interface ContentOptions {
  readonly start: number
  readonly isRaw: boolean
  /** Its checksum and its size are those of the record. */
  readonly isWhole: boolean
}

/** A file of a zip, as this record has it. */
export async function scanContent(
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
