import type { Rate } from './rates.ts'

/** How long it took to go through so many bytes. */
export interface Point {
  readonly bytes: number
  readonly seconds: number
}

/** Sizes that lie no further apart say nothing of what is needed whatever the size. */
const ONE_SIZE = 2

/**
 * The rate that the points show: least absolute deviations, so that a few times that something else has spoilt do not
 * count, each relative to what the reference expects for its size. Neither part is ever negative. What the points cannot
 * tell is taken from the reference: of one size what is fixed, of sizes that are mostly fixed cost what a byte takes.
 */
export function fitRate(points: readonly Point[], reference: Rate): Rate {
  if (points.length === 0) return reference
  if (!points.some((point) => tellsOfBytes(point, reference))) {
    const { perByte } = reference
    return {
      fixed: median(points.map(({ bytes, seconds }) => Math.max(0, seconds - perByte * bytes))),
      perByte,
    }
  }
  const sizes = points.map(({ bytes }) => bytes)
  const isOneSize = Math.max(...sizes) <= ONE_SIZE * Math.min(...sizes)
  return isOneSize ? fitOneSize(points, reference) : fitLine(points, reference)
}

/** Whether most of the time goes with the bytes, by the reference: else an error in what is fixed would be taken for speed. */
export function tellsOfBytes({ bytes }: Point, { fixed, perByte }: Rate): boolean {
  return perByte * bytes >= fixed && perByte > 0
}

export function secondsOf({ fixed, perByte }: Rate, bytes: number): number {
  return fixed + perByte * bytes
}

export function scaled({ fixed, perByte }: Rate, factor: number): Rate {
  return { fixed: fixed * factor, perByte: perByte * factor }
}

/** A machine that is faster has less fixed cost too; of a slower one that is not known. */
function fitOneSize(points: readonly Point[], reference: Rate): Rate {
  const factor = median(points.map(({ bytes, seconds }) => seconds / secondsOf(reference, bytes)))
  if (factor < 1) return scaled(reference, factor)
  const { fixed } = reference
  return { fixed, perByte: median(points.map(({ bytes, seconds }) => Math.max(0, seconds - fixed) / bytes)) }
}

/** The sum is convex and made of planes, so the least of it is where two points are met, or one and a bound. */
function fitLine(points: readonly Point[], reference: Rate): Rate {
  const weights = points.map(({ bytes }) => 1 / secondsOf(reference, bytes))
  const deviation = (rate: Rate): number =>
    points.reduce(
      (sum, { bytes, seconds }, at) =>
        sum + Math.abs(seconds - secondsOf(rate, bytes)) * (weights[at] as number),
      0,
    )
  let best: Rate = reference
  let least = Number.POSITIVE_INFINITY
  for (const rate of candidates(points)) {
    const found = deviation(rate)
    if (found < least) [best, least] = [rate, found]
  }
  return best
}

function candidates(points: readonly Point[]): readonly Rate[] {
  const lines = points.flatMap((one, at) =>
    points.slice(at + 1).flatMap((other): readonly Rate[] => {
      const perByte = (other.seconds - one.seconds) / (other.bytes - one.bytes)
      const fixed = one.seconds - perByte * one.bytes
      return Number.isFinite(perByte) && perByte >= 0 && fixed >= 0 ? [{ fixed, perByte }] : []
    }),
  )
  const bounds = points.flatMap(({ bytes, seconds }): readonly Rate[] => [
    { fixed: seconds, perByte: 0 },
    ...(bytes > 0 ? [{ fixed: 0, perByte: seconds / bytes }] : []),
  ])
  return [...lines, ...bounds]
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? 0
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2
}
