import type { Position } from '../oci/index.ts'

/** What decides on a position. Sizes in bytes, as they are transferred; rates a month, undefined where nothing tells. */
export interface PositionFacts {
  /** The model's layers. */
  readonly modelBytes: number
  /** The base's own layers. */
  readonly baseBytes: number
  /** Those of the base's layers that a change of the code replaces. */
  readonly codeBytes: number
  readonly modelUpdates: number | undefined
  readonly codeUpdates: number | undefined
  /** Where the model lies in the image that is replaced, if it is there. */
  readonly current: Position | undefined
}

export interface PositionChoice {
  readonly position: Position
  readonly because: 'no history' | 'fewer bytes' | 'a move would cost more than a month saves'
  /** What a Docker node is expected to pull in a month; undefined without a history. */
  readonly bytesPerMonth: Readonly<Record<Position, number>> | undefined
}

export const DEFAULT_POSITION: Position = 'top'

/**
 * The position with which a Docker node pulls less (design, "Position"). The one that the model has is left only
 * where that pays within a month, since a move makes every node pull the whole image again.
 */
export function choosePosition(facts: PositionFacts): PositionChoice {
  const { modelUpdates, codeUpdates, current } = facts
  if (modelUpdates === undefined || codeUpdates === undefined) {
    return { position: current ?? DEFAULT_POSITION, because: 'no history', bytesPerMonth: undefined }
  }
  const bytesPerMonth = expectedPulls({ ...facts, modelUpdates, codeUpdates })
  const { top, bottom } = bytesPerMonth
  const cheaper = top === bottom ? (current ?? DEFAULT_POSITION) : top < bottom ? 'top' : 'bottom'
  const move = facts.modelBytes + facts.baseBytes
  if (current !== undefined && cheaper !== current && Math.abs(top - bottom) <= move) {
    return { position: current, because: 'a move would cost more than a month saves', bytesPerMonth }
  }
  return { position: cheaper, because: 'fewer bytes', bytesPerMonth }
}

/**
 * Bytes a month that a Docker node pulls for each position: a layer is the same to it only above the same layers
 * (ChainID), so every change costs what lies above it too. A change of the model counts as a change of all of it.
 */
export function expectedPulls({
  modelBytes,
  baseBytes,
  codeBytes,
  modelUpdates,
  codeUpdates,
}: PositionFacts & { readonly modelUpdates: number; readonly codeUpdates: number }): Readonly<
  Record<Position, number>
> {
  return {
    top: modelUpdates * modelBytes + codeUpdates * (codeBytes + modelBytes),
    bottom: modelUpdates * (modelBytes + baseBytes) + codeUpdates * codeBytes,
  }
}

const DAY_MS = 24 * 60 * 60_000
const MONTH_MS = 30 * DAY_MS
/** A shorter history is the time in which somebody tried things out. */
const SHORTEST_HISTORY_MS = 7 * DAY_MS

/**
 * Updates a month since the first of these times (milliseconds since 1970), which is the beginning and no update.
 * Undefined when the first is less than a week ago, or there is none.
 */
export function updatesPerMonth(times: readonly number[], now: number): number | undefined {
  const past = [...new Set(times)].filter((time) => time <= now)
  const length = now - Math.min(...past)
  if (past.length === 0 || length < SHORTEST_HISTORY_MS) return undefined
  return (past.length - 1) / (length / MONTH_MS)
}
