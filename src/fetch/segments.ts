import type { ByteRange } from '../core/index.ts'
import type { Extents } from './extents.ts'

/** A part that is being fetched. Its end may come nearer, when somebody else takes over what is behind it. */
export interface Segment {
  readonly offset: number
  /** Up to here, without it. */
  end: number
  /** What has arrived of it. */
  done: number
}

export interface Segments {
  /** The next part to fetch; undefined where all is being fetched and none is worth dividing. */
  next(): Segment | undefined
  finish(segment: Segment): void
}

/** In bytes. A request costs a round trip, so that smaller ones leave a fast connection idle for much of the time. */
const SMALLEST = 4 * 1024 * 1024
/** Of a large file larger ones, since many a server reads on far behind the end of each: a 32nd of it, up to the largest. */
const OF_ALL = 32
/** It is hashed in its order: with larger ones much of it would wait for the slowest connection at its front until all has arrived. */
const LARGEST = 16 * 1024 * 1024
/** So that all connections end at about the same time. */
const SHARE = 2

/**
 * Divides what is missing: in the order of the file, each a share of what is left for each connection. Once all is being
 * fetched, whoever is free takes half of what a slower one has before it.
 */
export function createSegments(missing: Extents, connections: () => number): Segments {
  const waiting: ByteRange[] = [...missing]
  const running = new Set<Segment>()
  const sumOf = (ranges: readonly ByteRange[]): number => ranges.reduce((sum, { length }) => sum + length, 0)
  const smallest = Math.min(Math.max(sumOf(missing) / OF_ALL, SMALLEST), LARGEST)
  const begin = (offset: number, end: number): Segment => {
    const segment = { offset, end, done: 0 }
    running.add(segment)
    return segment
  }

  function cutOff(): Segment | undefined {
    const [first] = waiting
    if (first === undefined) return undefined
    const share = sumOf(waiting) / (SHARE * Math.max(1, connections()))
    const wanted = Math.ceil(Math.min(Math.max(share, smallest), LARGEST))
    // A rest that is not worth a request of its own goes with it.
    const length = first.length - wanted < smallest / 2 ? first.length : wanted
    if (length === first.length) waiting.shift()
    else waiting[0] = { offset: first.offset + length, length: first.length - length }
    return begin(first.offset, first.offset + length)
  }

  function takeOver(): Segment | undefined {
    const leftOf = ({ offset, end, done }: Segment): number => end - offset - done
    const [slowest] = [...running].sort((a, b) => leftOf(b) - leftOf(a))
    if (slowest === undefined || leftOf(slowest) < 2 * SMALLEST) return undefined
    const middle = slowest.end - Math.floor(leftOf(slowest) / 2)
    const { end } = slowest
    slowest.end = middle
    return begin(middle, end)
  }

  return {
    next: () => cutOff() ?? takeOver(),
    finish: (segment) => void running.delete(segment),
  }
}
