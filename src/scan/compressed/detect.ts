import type { Engine } from './decompress.ts'

export interface Compression {
  readonly engine: Engine
  /** What comes before it, in bytes. */
  readonly start: number
  /** The signature is too short to be more than a guess. */
  readonly isGuess: boolean
}

const SIGNATURES: readonly (readonly [engine: Engine, signature: string])[] = [
  ['gzip', '1f8b08'],
  ['bzip2', '425a68'],
  ['xz', 'fd377a585a00'],
  ['lz4', '04224d18'],
  ['zstd', '28b52ffd'],
]

/** A frame of zstd that says nothing, before others (RFC 8878, 3.1.2). */
const SKIPPABLE = /^5[0-9a-f]2a4d18/

/** The size of what joblib up to 0.9 wrote before compressed bytes: its mark and a number of 18, 19 or 20 digits. */
const OLD_JOBLIB = [20, 21, 22]

export function compressionOf(head: Buffer): Compression | undefined {
  const begin = head.toString('hex', 0, 8)
  for (const [engine, signature] of SIGNATURES) {
    if (begin.startsWith(signature)) return { engine, start: 0, isGuess: engine === 'bzip2' }
  }
  if (SKIPPABLE.test(begin)) return { engine: 'zstd', start: 0, isGuess: false }
  if (head.toString('latin1', 0, 4) === 'ZF0x') {
    const start = OLD_JOBLIB.find((at) => isZlib(head.subarray(at)))
    if (start !== undefined) return { engine: 'zlib', start, isGuess: false }
  }
  // Properties up to the largest, a dictionary of a size that is written, and a size that is possible or unknown.
  if (head.length > 13 && (head[0] as number) < 225 && isLzma(head)) {
    return { engine: 'lzma', start: 0, isGuess: true }
  }
  return isZlib(head) ? { engine: 'zlib', start: 0, isGuess: true } : undefined
}

/** RFC 1950: deflate, a window of at most 32 KiB, and a check of the two bytes. */
function isZlib(head: Uint8Array): boolean {
  const [first = 0, second = 0] = head
  return head.length > 2 && first % 16 === 8 && first >> 4 <= 7 && (first * 256 + second) % 31 === 0
}

/** As strictly as liblzma looks where it is not told the format: the dictionary is of 2^n or 3 * 2^n bytes. */
function isLzma(head: Buffer): boolean {
  const size = head.readBigUInt64LE(5)
  if (size !== 0xffffffffffffffffn && size >= 1n << 38n) return false
  let dictionary = head.readUInt32LE(1)
  if (dictionary === 0xffffffff) return true
  if (dictionary === 0 || head[13] !== 0) return false
  while (dictionary % 2 === 0) dictionary /= 2
  return dictionary === 1 || dictionary === 3
}
