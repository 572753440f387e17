import { isBallastError } from '../../core/index.ts'
import type { RandomAccess } from '../../model/index.ts'
import { locateEntries } from '../../tar/index.ts'
import { type Context, report } from '../context.ts'
import { escapes } from '../escapes.ts'
import { chunksOf, renamed, slice } from '../sources.ts'
import type { ScanFormat } from '../verdict.ts'

const MAGIC_AT = 257
const LONGEST_NAME = 100
/** Files of torch before version 0.1.10: pickles with weights between them. */
const OLD_TORCH = ['pickle', 'storages', 'tensors']

/** An archive of tar, and what is in it. Undefined for what is none. */
export async function scanTar(
  context: Context,
  source: RandomAccess,
  head: Buffer,
): Promise<ScanFormat | undefined> {
  if (source.size < 512 || !isTar(head)) return undefined
  const names = new Set<string>()
  try {
    const content = {
      size: source.size,
      open: (range = { offset: 0, length: source.size }) =>
        chunksOf(source, range.offset, Math.min(source.size, range.offset + range.length)),
    }
    for await (const { entry, offset } of locateEntries(content)) {
      context.signal?.throwIfAborted()
      if (--context.budget.parts < 0) {
        report(context, 'unreadable', 'too-large', 'it has too many files to look at all')
        return 'tar'
      }
      const { path, type, size, link } = entry
      names.add(path.replace(/^\.\//, ''))
      if (escapes(path))
        report(context, 'hostile', 'escape', `it has a file that would go elsewhere: ${path}`)
      if (link !== undefined && escapes(link))
        report(context, 'hostile', 'link', `it has a link to elsewhere: ${path}`)
      if (type === 'other') report(context, 'hostile', 'link', `it has a device or the like: ${path}`)
      if (type !== 'file') continue
      if (offset + size > source.size) report(context, 'hostile', 'malformed', `${path} ends too early`)
      await context.scanInner(context, path, renamed(slice(source, offset, size), path))
    }
  } catch (error) {
    if (!isBallastError(error, 'DAMAGED')) throw error
    report(context, 'hostile', 'malformed', error.message)
  }
  if (OLD_TORCH.every((name) => names.has(name))) {
    report(
      context,
      'unreadable',
      'unread',
      'it is a file of torch before 0.1.10, whose weights are not looked through',
    )
  }
  return 'tar'
}

/** With the mark of POSIX, or, as it was before, a checksum that is right. */
function isTar(head: Buffer): boolean {
  if (head.toString('latin1', MAGIC_AT, MAGIC_AT + 5) === 'ustar') return true
  if (head.length < 512 || head.subarray(0, LONGEST_NAME).every((byte) => byte === 0)) return false
  const stored = /^[ 0]*([0-7]{1,7})[ \0]*$/.exec(head.toString('latin1', 148, 156))?.[1]
  if (stored === undefined) return false
  let sum = 8 * 0x20
  for (let at = 0; at < 512; at++) if (at < 148 || at >= 156) sum += head[at] ?? 0
  return Number.parseInt(stored, 8) === sum
}
