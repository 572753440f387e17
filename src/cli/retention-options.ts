import { BallastError } from '../core/index.ts'
import type { RetentionPolicy } from '../store/index.ts'

export interface RetentionOptions {
  readonly keepLast?: string
  readonly keepWithin?: string
  readonly budget?: string
}

/** Undefined where nothing says which versions stay. Throws USAGE. */
export async function readRetention({
  keepLast,
  keepWithin,
  budget,
}: RetentionOptions): Promise<RetentionPolicy | undefined> {
  if (keepLast === undefined && keepWithin === undefined && budget === undefined) return undefined
  const { parseDuration } = await import('../workflows/duration.ts')
  const { readUnit } = await import('../advise/index.ts')
  return {
    ...(keepLast !== undefined && { keepLast: countOf(keepLast) }),
    ...(keepWithin !== undefined && { keepWithinMs: parseDuration(keepWithin, '--keep-within') }),
    ...(budget !== undefined && { budget: readUnit(budget, 'bytes', '--budget').value }),
  }
}

function countOf(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new BallastError('USAGE', `--keep-last ${text}: this is no number of versions`, {
    hint: 'at least one stays of each model: --keep-last 5',
  })
}
