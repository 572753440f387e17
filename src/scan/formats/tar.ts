import { isBallastError } from '../../core/index.ts'
import type { RandomAccess } from '../../formats/index.ts'
import { isChecksumOf, locateEntries, TAR_BLOCK } from '../../tar/index.ts'
import { type Context, report } from '../context.ts'
import { escapes } from '../escapes.ts'
import { chunksOf, renamed, slice } from '../sources.ts'
import type { ScanFormat } from '../verdict.ts'

const MAGIC_AT = 257
const CHECKSUM_AT = 148
/** Files of torch before version 0.1.10: pickles with weights between them. */
const OLD_TORCH = ['pickle', 'storages', 'tensors']

/** An archive of tar, and what is in it. Undefined for what is none. */
export async function scanTar(
  context: Context,
  source: RandomAccess,
  head: Buffer,
): Promise<ScanFormat | undefined> {
  if (head.length < TAR_BLOCK || !isTar(head)) return undefined
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
  const block = head.subarray(0, TAR_BLOCK)
  const stored = storedChecksum(block.subarray(CHECKSUM_AT, CHECKSUM_AT + 8))
  return stored !== undefined && isChecksumOf(block, stored)
}

/** In each spelling that Python's tarfile takes for a number, so that whatever it would open is looked at. */
function storedChecksum(field: Buffer): number | undefined {
  if (field[0] === 0x80) return Number(field.readBigUInt64BE() & 0x7fffffffffffffffn)
  if (field[0] === 0xff) return Number(field.readBigInt64BE())
  const text = (field.toString('latin1').split('\0')[0] ?? '').trim().replaceAll('_', '')
  const [, sign, digits] = /^([+-]?)(?:0o)?([0-7]+)$/i.exec(text) ?? []
  return digits === undefined ? undefined : Number.parseInt(`${sign}${digits}`, 8)
}
