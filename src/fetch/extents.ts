import type { ByteRange } from '../core/index.ts'

/** Parts of a file that are there: in order, apart from one another. */
export type Extents = readonly ByteRange[]

/** With one part more, which may lie in or against others. */
export function withExtent(extents: Extents, added: ByteRange): Extents {
  if (added.length === 0) return extents
  let start = added.offset
  let end = added.offset + added.length
  const before: ByteRange[] = []
  const after: ByteRange[] = []
  for (const extent of extents) {
    const to = extent.offset + extent.length
    if (to < start) before.push(extent)
    else if (extent.offset > end) after.push(extent)
    else {
      start = Math.min(start, extent.offset)
      end = Math.max(end, to)
    }
  }
  return [...before, { offset: start, length: end - start }, ...after]
}

export function merged(extents: Extents, others: Extents): Extents {
  return others.reduce(withExtent, extents)
}

/** What of the first `size` bytes is not there. */
export function gapsIn(extents: Extents, size: number): Extents {
  const gaps: ByteRange[] = []
  let at = 0
  for (const { offset, length } of [...extents, { offset: size, length: 0 }]) {
    if (offset > at) gaps.push({ offset: at, length: offset - at })
    at = offset + length
  }
  return gaps
}

/** How many bytes are there from the beginning on, without a gap. */
export function frontOf(extents: Extents): number {
  const [first] = extents
  return first?.offset === 0 ? first.length : 0
}

export function totalOf(extents: Extents): number {
  return extents.reduce((sum, { length }) => sum + length, 0)
}
