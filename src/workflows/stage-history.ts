import { BallastError, type CallOptions, type Digest, isDigest } from '../core/index.ts'
import { arrayOf, isTag, objectOf } from '../model/index.ts'
import type { ImageRepository } from '../oci/index.ts'
import type { Promotion } from '../store/index.ts'
import type { Move } from './moves.ts'
import { walkLog } from './registry-log.ts'
import { stageLog } from './registry-stages.ts'
import { digestAt, numberThere } from './remote-numbers.ts'

/**
 * The moves of a stage of a registry or a layout, oldest first; undefined where none was recorded. Throws DAMAGED where a record is
 * missing, and where the tag points to what nobody has promoted.
 */
export async function stageMoves(
  { repository, reference }: { readonly repository: ImageRepository; readonly reference: string },
  options: CallOptions,
): Promise<readonly Move[] | undefined> {
  if (!isTag(reference)) return undefined
  const moves: Move[] = []
  const numbers = new Map<Digest, number | undefined>()
  for await (const { record } of walkLog(repository, stageLog(reference), options)) {
    const { digest, time, by, promotion } = record
    if (typeof digest !== 'string' || !isDigest(digest)) continue
    if (!numbers.has(digest)) numbers.set(digest, await numberThere(repository, digest, options))
    const told = promotionIn(promotion)
    moves.push({
      time: `${time}`,
      tag: reference,
      by: `${by}`,
      digest,
      number: numbers.get(digest),
      ...(told && { promotion: told }),
    })
  }
  const [last] = moves
  if (last === undefined) return undefined
  const standing = await digestAt(repository, reference, options)
  if (standing === last.digest) return moves.reverse()
  throw new BallastError(
    'DAMAGED',
    `${repository.name}:${reference} was last promoted to ${last.digest}, and points to ${standing ?? 'nothing'}`,
    { hint: 'somebody has moved the tag past its history; promote the version that is meant' },
  )
}

function promotionIn(value: unknown): Promotion | undefined {
  const { who, why, policy, evidence } = objectOf(value)
  if (typeof who !== 'string') return undefined
  const found = arrayOf(evidence).flatMap((one) => {
    const { rule, found } = objectOf(one)
    return typeof rule === 'string' && typeof found === 'string' ? [{ rule, found }] : []
  })
  return {
    who,
    ...(typeof why === 'string' && { why }),
    ...(typeof policy === 'string' && isDigest(policy) && { policy }),
    ...(found.length > 0 && { evidence: found }),
  }
}
