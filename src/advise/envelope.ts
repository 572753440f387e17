/** The cost of a way as a line in one input: `constant + slope * x`. */
export interface Line<W> {
  readonly way: W
  readonly constant: number
  readonly slope: number
}

/** Where a way is the cheapest, from one value of the input to another. */
export interface Segment<W> {
  readonly from: number
  readonly to: number
  readonly way: W
}

/**
 * Which way is the cheapest for every value of an input from `low` to `high`: exact, because costs are linear. Of
 * ways that cost the same the first counts. Neighbouring segments have different ways.
 */
export function cheapestAlong<W>(
  lines: readonly Line<W>[],
  low: number,
  high: number,
): readonly Segment<W>[] {
  const points = [low, ...crossings(lines, low, high), high]
  const segments: Segment<W>[] = []
  for (let at = 1; at < points.length; at++) {
    const from = points[at - 1] as number
    const to = points[at] as number
    const { way } = cheapestAt(lines, from + (to - from) / 2)
    const last = segments.at(-1)
    if (last?.way === way) segments[segments.length - 1] = { ...last, to }
    else segments.push({ from, to, way })
  }
  return segments
}

function cheapestAt<W>(lines: readonly Line<W>[], x: number): Line<W> {
  const at = ({ constant, slope }: Line<W>): number => constant + slope * x
  return lines.reduce((best, line) => (at(line) < at(best) ? line : best))
}

function crossings<W>(lines: readonly Line<W>[], low: number, high: number): readonly number[] {
  const found = lines.flatMap((one, index) =>
    lines.slice(index + 1).flatMap((other) => {
      const x = (other.constant - one.constant) / (one.slope - other.slope)
      return x > low && x < high ? [x] : []
    }),
  )
  return [...new Set(found)].sort((a, b) => a - b)
}
