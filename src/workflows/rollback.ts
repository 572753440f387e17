import { resolve } from 'node:path'
import { BallastError, type CallOptions, type Digest } from '../core/index.ts'
import { parseOperand } from '../model/index.ts'
import { type Followed, readState } from '../mount/index.ts'
import type { Store } from '../store/index.ts'
import { rollbackTag } from './catalog.ts'
import { mountFollowing } from './mount.ts'

export interface RollbackResult {
  readonly ref: string
  readonly digest: Digest
  readonly number: number | undefined
  readonly warnings: readonly string[]
}

/** Returns a model's tag or a following directory to what it was before its last move. */
export async function rollback(
  store: Store,
  operand: string,
  options: CallOptions = {},
): Promise<RollbackResult> {
  const parsed = parseOperand(operand)
  if (parsed.kind === 'path') return rollbackTarget(store, resolve(parsed.path), options)
  return { ...(await rollbackTag(store, operand)), warnings: [] }
}

async function rollbackTarget(store: Store, target: string, options: CallOptions): Promise<RollbackResult> {
  const models = Object.entries((await readState(target)).models)
  const [only, ...others] = models
  if (only === undefined || others.length > 0) {
    throw new BallastError(
      only === undefined ? 'NOT_FOUND' : 'USAGE',
      only === undefined ? `${target} follows no tag` : `${target} holds several models`,
      {
        hint:
          only === undefined
            ? 'a pinned target: ballast mount REF DIRECTORY --replace'
            : 'roll back the tags instead',
      },
    )
  }
  const [name, followed] = only
  const former = formerOf(followed)
  if (former === undefined) {
    throw new BallastError('CONFLICT', `${target} has never held another version`, {
      hint: `see: ballast history ${target}`,
    })
  }
  const ref = `${followed.model}@${former}`
  const result = await mountFollowing(store, { ref, target, as: name, by: 'rollback' }, options)
  const number = Number(result.version.split(':').at(-1))
  return {
    ref: target,
    digest: result.digest,
    number: Number.isNaN(number) ? undefined : number,
    warnings: [
      `it returns to the tag when the tag moves next; to keep it: ballast rollback ${followed.reference}`,
    ],
  }
}

function formerOf({ generations }: Followed): Digest | undefined {
  const current = generations.at(-1)?.digest
  return generations.findLast(({ digest }) => digest !== current)?.digest
}
