import { setImmediate } from 'node:timers/promises'
import type { RandomAccess } from '../../formats/index.ts'
import { createReader, Ended } from '../reader.ts'
import { createFrames } from './frames.ts'
import { createJudge } from './judge.ts'
import { createLiterals } from './literals.ts'
import { createMemo } from './memo.ts'
import { createNotes } from './notes.ts'
import { createObjects } from './objects.ts'
import { createOpcodes } from './opcodes.ts'
import { createOperands, LONGEST_SHORT } from './operands.ts'
import { passArray } from './pass-array.ts'
import { createStack, Malformed, TooLarge } from './stack.ts'
import type { Inherited, Walk, WalkOptions } from './walk.ts'

/**
 * Follows a pickle of any protocol from `start` on, with its stack and its memo as far as they name or call something,
 * and judges each import, call and change. Nothing is executed. What cannot be told counts as hostile.
 *
 * joblib puts the bytes of arrays between opcodes; they are passed over, and read as opcodes too, as plain pickle would.
 */
export async function walkPickle(source: RandomAccess, start: number, options: WalkOptions): Promise<Walk> {
  return walk(source, start, options, undefined)
}

async function walk(
  source: RandomAccess,
  start: number,
  options: WalkOptions,
  inherited: Inherited | undefined,
): Promise<Walk> {
  const { budget, signal, depth = 0 } = options
  const reader = createReader(source, start)
  const notes = createNotes(start)
  const memo = createMemo(inherited?.memo)
  const stack = createStack(inherited?.stack)
  const isOtherwise = inherited !== undefined
  const frames = createFrames(reader, notes)
  const judge = createJudge(notes)
  const operands = createOperands(reader)
  const { line } = operands
  const literal = createLiterals({ reader, line, nest: notes.nest })
  const objects = createObjects({ stack, judge, notes, isOtherwise })
  const { step, hasHeader } = createOpcodes({
    start,
    reader,
    stack,
    memo,
    frames,
    judge,
    objects,
    notes,
    line,
    literal,
  })
  const around = {
    reader,
    frames,
    notes,
    stack,
    depth,
    walkOn: () => walk(source, reader.position(), options, { stack, memo }),
    walkInner: () => walk(source, reader.position(), { ...options, depth: depth + 1 }, undefined),
  }

  let opcodes = 0
  const follow = async (): Promise<void> => {
    for (;;) {
      if (reader.left() === 0) throw new Ended()
      notes.at = reader.position()
      frames.pass()
      if (!reader.isReady(LONGEST_SHORT)) await reader.prepare(LONGEST_SHORT)
      opcodes++
      if (isOtherwise && --budget.otherwise < 0)
        throw new TooLarge('it would have to be read in too many ways')
      if (--budget.opcodes < 0) throw new TooLarge('it has too many opcodes to follow')
      if ((opcodes & 0xfffff) === 0) {
        await setImmediate()
        signal?.throwIfAborted()
      }
      const code = reader.u8()
      if (!operands.areReady(code)) await operands.prepare(code)
      const next = step(code)
      if (next === 'stop') break
      if (next !== undefined) await passArray(next, around)
    }
    frames.leave()
  }

  let ended: Walk['ended'] = 'stop'
  let why: string | undefined
  try {
    await follow()
  } catch (error) {
    if (error instanceof TooLarge) ended = 'too large'
    else if (error instanceof Malformed || error instanceof Ended) ended = 'malformed'
    else throw error
    why = (error as Error).message
  }
  const { imports, calls, nested, modules } = notes
  return {
    end: ended === 'stop' ? reader.position() : notes.at,
    ended,
    ...(why !== undefined && { why }),
    opcodes,
    hasHeader: hasHeader(),
    imports,
    calls,
    findings: notes.findings(),
    nested,
    modules,
  }
}
