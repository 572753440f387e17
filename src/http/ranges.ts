import type { ByteRange } from '../core/index.ts'

/**
 * What a `Range` header asks of content of `size` bytes: one range, clipped to the content; `whole` where the header
 * is to be ignored (absent, another unit, several ranges); `unsatisfiable` for 416. RFC 9110, 14.2; `500-0` is
 * answered with 416 because the distribution-spec's conformance suite demands it.
 */
export function parseRange(header: string | undefined, size: number): ByteRange | 'whole' | 'unsatisfiable' {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '') ?? []
  if (first === undefined || last === undefined || first + last === '') return 'whole'
  if (first === '') {
    const length = Math.min(Number(last), size)
    return length === 0 ? 'unsatisfiable' : { offset: size - length, length }
  }
  const offset = Number(first)
  const end = Math.min(last === '' ? size - 1 : Number(last), size - 1)
  return end < offset ? 'unsatisfiable' : { offset, length: end - offset + 1 }
}

/** The `Range` header of a request. `length` is at least 1. */
export function formatRange({ offset, length }: ByteRange): string {
  return `bytes=${offset}-${offset + length - 1}`
}

/** The `Content-Range` of a 206 answer. */
export function formatContentRange({ offset, length }: ByteRange, size: number): string {
  return `bytes ${offset}-${offset + length - 1}/${size}`
}

/** The `Content-Range` of a 416 answer. */
export function formatUnsatisfied(size: number): string {
  return `bytes */${size}`
}

/** The range that a 206 answer says it holds; undefined when the header is absent or malformed. */
export function parseContentRange(header: string | undefined): ByteRange | undefined {
  const [, first, last] = /^bytes (\d+)-(\d+)\/(?:\d+|\*)$/i.exec(header?.trim() ?? '') ?? []
  return first === undefined ? undefined : rangeBetween(Number(first), Number(last))
}

/** The size of the whole that a `Content-Range` tells, of a 206 or a 416 answer; undefined where it does not. */
export function parseTotal(header: string | undefined): number | undefined {
  const [, total] = /^bytes (?:\d+-\d+|\*)\/(\d+)$/i.exec(header?.trim() ?? '') ?? []
  return total === undefined ? undefined : Number(total)
}

/** Both inclusive; undefined where they are the wrong way round. */
export function rangeBetween(first: number, last: number): ByteRange | undefined {
  return last < first ? undefined : { offset: first, length: last - first + 1 }
}
