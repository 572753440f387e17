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
  const rest = logs.map((log) => [...log])
  const moves: Move[] = []
  for (;;) {
    const [next] = rest.filter((log) => log.length > 0).sort(([a], [b]) => compareTimes(a, b))
    const move = next?.shift()
    if (move === undefined) return moves
    moves.push(move)
  }
}

function compareTimes(a: Move | undefined, b: Move | undefined): number {
  return (a?.time ?? '').localeCompare(b?.time ?? '')
}
