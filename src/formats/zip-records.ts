/** Signatures and sizes of the records of a zip (PKWARE APPNOTE 4.3). */
export const LOCAL = 0x04034b50
export const CENTRAL = 0x02014b50
export const END = 0x06054b50
export const END_64 = 0x06064b50
export const END_64_LOCATOR = 0x07064b50
export const END_SIZE = 22
export const END_64_SIZE = 56
export const END_64_LOCATOR_SIZE = 20
export const CENTRAL_SIZE = 46
export const LOCAL_SIZE = 30
export const LONGEST_COMMENT = 65_535
/** In place of numbers that stand elsewhere, in 64 bits. */
export const NOT_HERE_16 = 0xffff
export const NOT_HERE_32 = 0xffffffff
const ZIP64_EXTRA = 1

export interface ZipSizes {
  readonly size: number
  readonly compressedSize: number
  readonly offset: number
}

/**
 * Numbers that do not fit into 32 bits stand in an extra field, in this order, and only those. `number64` reads one of them,
 * and says what becomes of it where the field ends before.
 */
export function withZip64(
  sizes: ZipSizes,
  extra: Buffer,
  number64: (extra: Buffer, at: number) => number,
): ZipSizes {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== ZIP64_EXTRA) continue
    let next = at + 4
    const wide = (value: number): number => {
      if (value !== NOT_HERE_32) return value
      next += 8
      return number64(extra, next - 8)
    }
    return { size: wide(sizes.size), compressedSize: wide(sizes.compressedSize), offset: wide(sizes.offset) }
  }
  return sizes
}
