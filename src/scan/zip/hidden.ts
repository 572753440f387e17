import type { RandomAccess } from '../../formats/index.ts'
import { type Context, report } from '../context.ts'
import { chunksOf } from '../sources.ts'
import { scanContent } from './content.ts'
import { readLocal } from './directory.ts'
import type { Span } from './spans.ts'

/** Beyond these, more of them would tell nothing new. */
const MOST_HIDDEN = 64

/** Files that no directory names: loaders that read from the front see them. */
export async function scanHidden(
  context: Context,
  source: RandomAccess,
  gaps: readonly Span[],
): Promise<void> {
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
