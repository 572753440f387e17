import type { Digest } from '../core/index.ts'
import type { Lineage, Proof } from '../model/index.ts'
import type { Promotion } from '../store/index.ts'

export interface Move {
  readonly time: string
  readonly tag: string
  readonly by: string
  /** Undefined where the tag was removed. */
  readonly digest: Digest | undefined
  readonly number: number | undefined
  /** Of a target: what became of it where an application was to take it over. */
  readonly proof?: Proof
  /** Where that version was captured from, the last time. */
  readonly lineage?: Lineage
  /** Of a move that somebody has answered for: who, why, and what was found. */
  readonly promotion?: Promotion
}

/** By time, while the moves of one tag keep their order whatever the clock said. */
export function interleave(logs: readonly (readonly Move[])[]): readonly Move[] {
  const [first = [], ...more] = logs
  if (more.length === 0) return first
  const half = Math.ceil(logs.length / 2)
  return merge(interleave(logs.slice(0, half)), interleave(logs.slice(half)))
}

function merge(some: readonly Move[], others: readonly Move[]): readonly Move[] {
  const moves: Move[] = []
  let [a, b] = [0, 0]
  for (;;) {
    const [one, other] = [some[a], others[b]]
    if (one === undefined || other === undefined) return [...moves, ...some.slice(a), ...others.slice(b)]
    const isOtherFirst = other.time < one.time
    moves.push(isOtherFirst ? other : one)
    if (isOtherFirst) b++
    else a++
  }
}
