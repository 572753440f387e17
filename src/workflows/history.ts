import { resolve } from 'node:path'
import { BallastError } from '../core/index.ts'
import { parseOperand } from '../model/index.ts'
import { inspectTarget, readState } from '../mount/index.ts'
import type { Store } from '../store/index.ts'
import { type Move, history as modelHistory } from './catalog.ts'

/** The moves of a model's tags, or what a mounted directory has led to. Oldest first. */
export async function history(store: Store, operand: string): Promise<readonly Move[]> {
  const parsed = parseOperand(operand)
  return parsed.kind === 'path' ? targetHistory(resolve(parsed.path)) : modelHistory(store, operand)
}

async function targetHistory(target: string): Promise<readonly Move[]> {
  if ((await inspectTarget(target)).kind !== 'following') {
    throw new BallastError('NOT_FOUND', `${target} follows no tag, so it has no history`, {
      hint: 'only targets mounted with --follow change their version',
    })
  }
  const { models } = await readState(target)
  return Object.entries(models).flatMap(([name, { generations }]) =>
    generations.map(({ time, by, digest, number }) => ({ time, tag: name, by, digest, number })),
  )
}
