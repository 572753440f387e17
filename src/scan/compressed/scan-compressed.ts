import type { RandomAccess } from '../../formats/index.ts'
import { type Context, report } from '../context.ts'
import { keepLimited } from '../keep-limited.ts'
import { slice } from '../sources.ts'
import type { ScanFormat } from '../verdict.ts'
import { NotRead } from './damaged.ts'
import { decompress } from './decompress.ts'
import { compressionOf } from './detect.ts'

/** What is compressed as a whole. The format of what is in it, or undefined where it is nothing such. */
export async function scanCompressed(
  context: Context,
  source: RandomAccess,
  { head, isExpected }: { readonly head: Buffer; readonly isExpected: boolean },
): Promise<ScanFormat | undefined> {
  const compression = compressionOf(head)
  if (compression === undefined) return undefined
  const { engine, start, isGuess } = compression
  const name = source.path.replace(/\.(?:gz|bz2|xz|lzma|lz4|zst|z)$/i, '')
  const packed = slice(source, start, source.size - start)
  const kept = await keepLimited(context, name, decompress(engine, packed), source.size)
  try {
    if (kept.error instanceof NotRead) {
      if (isGuess && !isExpected) return undefined
      report(context, 'unreadable', 'unread', `it is ${kept.error.message}, which is not read`)
      return 'compressed'
    }
    // Two bytes that look like a beginning, and nothing that comes of them.
    if (kept.error !== undefined && isGuess && kept.source.size === 0 && !isExpected) return undefined
    const format = await context.scanInner(
      { ...context, within: [...context.within, `(${engine})`] },
      name,
      kept.source,
      { mustBeKnown: isExpected, isDecompressed: true },
    )
    if (kept.error !== undefined && (!isGuess || isExpected || format !== 'plain'))
      report(context, 'hostile', 'malformed', `its ${engine} data are damaged or cut short`)
    return format === 'plain' ? 'compressed' : format
  } finally {
    await kept.release()
  }
}
