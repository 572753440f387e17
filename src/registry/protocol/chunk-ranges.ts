import type { ByteRange } from '../../core/index.ts'
import { rangeBetween } from '../../http/index.ts'

/** The `Content-Range` of an uploaded chunk: `0-1023`, without a unit (distribution-spec, "Pushing a blob in chunks"). */
export function parseChunkRange(header: string): ByteRange | undefined {
  const [, first, last] = /^(?:bytes[ =])?(\d+)-(\d+)(?:\/\S+)?$/.exec(header.trim()) ?? []
  return first === undefined ? undefined : rangeBetween(Number(first), Number(last))
}

/** The `Range` header that says how much of an upload has arrived. Nothing at all reads like one byte: `0-0`. */
export function formatReceived(size: number): string {
  return `0-${Math.max(0, size - 1)}`
}

/** How many bytes have arrived by such a header; undefined for one that does not say. */
export function parseReceived(header: string | undefined): number | undefined {
  const [, last] = /^(?:bytes[ =])?0-(\d+)$/.exec(header?.trim() ?? '') ?? []
  if (last === undefined) return undefined
  return last === '0' ? 0 : Number(last) + 1
}
