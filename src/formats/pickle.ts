import { type Argument, MARK, OPCODES, POP, PROTO, STOP } from './pickle-opcodes.ts'

const NEWEST_PROTOCOL = 5
/** Below that, a text could be a pickle by chance: `N.` is one. */
const FEWEST_OPCODES = 4
const LONGEST_LINE = 4096

/**
 * Whether bytes are a pickle, from their first ones (a few KiB are enough). Protocols from 2 on say so themselves.
 * Older ones do not: there the opcodes are followed, with the height of the stack, up to a call of something imported
 * or to the end. Code runs before a fault further on is met, so that what follows a call does not matter.
 */
export function isPickled(head: Uint8Array): boolean {
  const protocol = head[1]
  if (head[0] === PROTO) return protocol !== undefined && protocol >= 2 && protocol <= NEWEST_PROTOCOL
  return isHeaderless(Buffer.from(head.buffer, head.byteOffset, head.length))
}

function isHeaderless(bytes: Buffer): boolean {
  const marks: number[] = []
  let height = 0
  let imported = false
  let count = 0
  for (let at = 0; at < bytes.length; count++) {
    const code = bytes[at] as number
    at++
    if (code === STOP)
      return height === 1 && marks.length === 0 && count >= FEWEST_OPCODES && at === bytes.length
    if (code === MARK) {
      marks.push(height)
      continue
    }
    if (code === POP && marks.at(-1) === height) {
      marks.pop()
      continue
    }
    const opcode = OPCODES.get(code)
    if (opcode === undefined) return false
    const end = endOfArgument(bytes, { at, argument: opcode.argument })
    if (end === undefined) return false
    at = end
    const below = opcode.pops === 'mark' ? marks.pop() : height - opcode.pops
    if (below === undefined || below < (marks.at(-1) ?? 0)) return false
    height = below + opcode.pushes
    if (opcode.does === 'import') imported = true
    if (opcode.does === 'call' && (imported || opcode.argument === 'two lines')) return true
  }
  return false
}

/** Undefined where the argument is not well formed, or not all there. */
function endOfArgument(
  bytes: Buffer,
  { at, argument }: { readonly at: number; readonly argument: Argument },
): number | undefined {
  if (typeof argument === 'number') return within(bytes, at + argument)
  if (argument === 'line') return endOfLine(bytes, at, TEXT)
  if (argument === 'two lines') {
    const second = endOfLine(bytes, at, DOTTED_NAME)
    return second === undefined ? undefined : endOfLine(bytes, second, DOTTED_NAME)
  }
  const size = Number(argument.slice('counted '.length))
  if (at + size > bytes.length) return undefined
  const length = size === 8 ? Number(bytes.readBigUInt64LE(at)) : bytes.readUIntLE(at, size)
  return within(bytes, at + size + length)
}

function within(bytes: Buffer, end: number): number | undefined {
  return end <= bytes.length ? end : undefined
}

const TEXT = /^[\t\x20-\x7e\x80-\xff]*$/
const DOTTED_NAME = /^[A-Za-z_][\w.<>]*$/

function endOfLine(bytes: Buffer, at: number, form: RegExp): number | undefined {
  const end = bytes.subarray(at, at + LONGEST_LINE).indexOf(0x0a)
  if (end < 0 || !form.test(bytes.toString('latin1', at, at + end))) return undefined
  return at + end + 1
}

/** What joblib calls the class that stands for each array in its pickles. */
const JOBLIB = Buffer.from('joblib.numpy_pickle')
/** torch's number at the beginning of what it wrote before version 1.6, pickled. */
export const TORCH_LEGACY = Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex')

export function pickleFlavour(head: Uint8Array): 'joblib' | 'torch-legacy' | 'pickle' {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.length)
  if (bytes.subarray(0, TORCH_LEGACY.length).equals(TORCH_LEGACY)) return 'torch-legacy'
  return bytes.includes(JOBLIB) ? 'joblib' : 'pickle'
}
