import { constants, gunzipSync, inflateSync } from 'node:zlib'

/** Of the compressed bytes, so that no bomb can make more than some MiB of them. */
const LARGEST_INPUT = 8 * 1024
const LARGEST_OUTPUT = 16 * 1024 * 1024

const SIGNATURES = {
  gzip: [0x1f, 0x8b],
  bzip2: [0x42, 0x5a, 0x68],
  xz: [0xfd, 0x37, 0x7a, 0x58, 0x5a],
  lzma: [0x5d, 0x00, 0x00],
  lz4: [0x04, 0x22, 0x4d, 0x18],
} as const

export type Compression = keyof typeof SIGNATURES | 'zlib'

/** The formats in which joblib compresses, by their signatures. */
export function compressionOf(head: Uint8Array): Compression | undefined {
  for (const [name, signature] of Object.entries(SIGNATURES)) {
    if (signature.every((byte, index) => head[index] === byte)) return name as Compression
  }
  const [first = 0, second = 0] = head
  // RFC 1950: deflate, a window of at most 32 KiB, no dictionary, and a check of these two bytes.
  const isZlib = first % 16 === 8 && first >> 4 <= 7 && (second & 0x20) === 0
  return isZlib && head.length > 2 && (first * 256 + second) % 31 === 0 ? 'zlib' : undefined
}

/** What the first bytes are decompressed; undefined for what is no gzip or zlib, or damaged. */
export function decompressedHead(head: Uint8Array, compression: Compression): Buffer | undefined {
  const options = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: LARGEST_OUTPUT }
  const input = head.subarray(0, LARGEST_INPUT)
  try {
    if (compression === 'gzip') return gunzipSync(input, options)
    return compression === 'zlib' ? inflateSync(input, options) : undefined
  } catch {
    return undefined
  }
}
