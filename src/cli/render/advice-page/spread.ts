/** Of letters of the fonts that browsers have, in parts of the size of the font; rather too wide than too narrow. */
const LETTER = 0.6

export function textWidth(text: string, size: number): number {
  return text.length * size * LETTER
}

/**
 * Places near those that are wanted, at least `gap` apart and between `low` and `high` as far as there is room, in
 * the same order.
 */
export function spread(
  wanted: readonly number[],
  { gap, low, high }: { readonly gap: number; readonly low: number; readonly high: number },
): readonly number[] {
  const order = wanted.map((at, index) => ({ at, index })).sort((a, b) => a.at - b.at || a.index - b.index)
  let next = low
  const placed = order.map(({ at, index }) => {
    const place = Math.max(at, next)
    next = place + gap
    return { index, place }
  })
  let most = high
  for (const one of [...placed].reverse()) {
    one.place = Math.min(one.place, most)
    most = one.place - gap
  }
  const result = [...wanted]
  for (const { index, place } of placed) result[index] = place
  return result
}

export interface Label {
  /** The middle of the text. */
  readonly x: number
  readonly text: string
}

/** Rows from 0 on in which labels do not touch each other; their middles are moved to stay between `low` and `high`. */
export function rowsOf(
  labels: readonly Label[],
  { size, low, high }: { readonly size: number; readonly low: number; readonly high: number },
): readonly (Label & { readonly row: number })[] {
  const ends: number[] = []
  return [...labels]
    .sort((a, b) => a.x - b.x)
    .map(({ x, text }) => {
      const half = textWidth(text, size) / 2
      const middle = Math.min(Math.max(x, low + half), high - half)
      const free = ends.findIndex((end) => middle - half >= end + size / 2)
      const row = free === -1 ? ends.length : free
      ends[row] = middle + half
      return { x: middle, text, row }
    })
}
