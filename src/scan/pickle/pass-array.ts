import { Ended, type Reader } from '../reader.ts'
import type { Frames } from './frames.ts'
import type { ArrayPayload } from './joblib-arrays.ts'
import type { Notes } from './notes.ts'
import { Malformed, type Stack, TooLarge } from './stack.ts'
import { namesPower } from './standard-library.ts'
import type { Walk } from './walk.ts'

const MOST_INHERITED = 100_000
/** What fills up to where an array may begin, and the opcode that ends in it. */
const LONGEST_FILLING = 256
const DEEPEST_ARRAYS = 16

/** The walk that came to an array, and walks from where it is now. */
export interface Around {
  readonly reader: Reader
  readonly frames: Frames
  readonly notes: Notes
  readonly stack: Stack
  /** Of arrays around it. */
  readonly depth: number
  /** Goes on with its stack and its memo. */
  readonly walkOn: () => Promise<Walk>
  /** Begins anew, one deeper. */
  readonly walkInner: () => Promise<Walk>
}

/** Passes over the bytes of an array, which joblib reads and plain pickle takes for opcodes; they are judged as such, too. */
export async function passArray(payload: ArrayPayload, around: Around): Promise<void> {
  const { reader, frames } = around
  frames.leave()
  await readOtherwise(payload, around)
  if (payload.aligned) {
    await reader.prepare(1)
    if (reader.left() === 0) throw new Ended()
    reader.skip(reader.u8())
  }
  if (payload.objects) await readObjects(around)
  else reader.skip(payload.bytes)
}

/** As plain pickle would read on, for which the next bytes are opcodes like all others. */
async function readOtherwise(payload: ArrayPayload, { reader, notes, stack, walkOn }: Around): Promise<void> {
  if (stack.height() > MOST_INHERITED) throw new TooLarge('its stack is too large to follow')
  const end = reader.position() + payload.bytes + LONGEST_FILLING
  const otherwise = await walkOn()
  if (otherwise.ended === 'too large') {
    notes.report({ rule: 'too-large', verdict: 'unreadable', what: otherwise.why ?? 'it is too large' })
  }
  for (const finding of otherwise.findings.filter(({ rule }) => rule === 'call')) {
    // A pickle in the pickle has a memo of its own; read on with that of the outer one, its names are mixed up. So are
    // those behind figures that happen to be opcodes. What is mixed up names nothing that there is.
    const isOfArray = !payload.objects && (finding.at ?? 0) < end
    if (isOfArray || namesPower(finding.what)) notes.report(finding, finding.at)
    else if (!payload.objects)
      notes.report({ ...finding, rule: 'ambiguous', verdict: 'unreadable' }, finding.at)
  }
}

/** A pickle stands in the place of the array. */
async function readObjects({ reader, notes, depth, walkInner }: Around): Promise<void> {
  if (depth >= DEEPEST_ARRAYS) throw new TooLarge('its arrays are nested too deeply')
  const inner = await walkInner()
  for (const finding of inner.findings) notes.report(finding, finding.at)
  for (const item of inner.nested) notes.nest(item)
  for (const module of inner.modules) notes.nameModule(module)
  notes.imports += inner.imports
  notes.calls += inner.calls
  reader.seek(inner.end)
  if (inner.ended === 'malformed') throw new Malformed(inner.why ?? 'it is malformed')
  if (inner.ended === 'too large') throw new TooLarge(inner.why ?? 'it is too large')
}
