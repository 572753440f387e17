import type { RandomAccess } from '../formats/index.ts'

const PAGE = 64 * 1024
const MOST_PAGES = 64

/** The same bytes; small reads are served from the pages that were read last, as archives have thousands of small parts. */
export function withPages(source: RandomAccess): RandomAccess {
  const pages = new Map<number, Uint8Array>()

  async function page(number: number): Promise<Uint8Array> {
    const known = pages.get(number)
    pages.delete(number)
    const bytes = known ?? (await source.read(number * PAGE, Math.min(PAGE, source.size - number * PAGE)))
    pages.set(number, bytes)
    if (pages.size > MOST_PAGES) pages.delete(pages.keys().next().value as number)
    return bytes
  }

  return {
    path: source.path,
    size: source.size,
    async read(offset, length) {
      const within = Math.max(0, Math.min(length, source.size - offset))
      if (within === 0) return new Uint8Array(0)
      if (within >= PAGE) return source.read(offset, within)
      const first = Math.floor(offset / PAGE)
      const start = offset - first * PAGE
      const head = (await page(first)).subarray(start, start + within)
      if (head.length === within || start + within <= PAGE) return head
      const rest = (await page(first + 1)).subarray(0, within - head.length)
      return Buffer.concat([head, rest])
    },
  }
}
