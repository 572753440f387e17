import { createHash } from 'node:crypto'
import type { Checksummer } from './checksum.ts'

/** Each block of so many bytes is text or not by itself, and a line's end that is divided between two stays as it is. */
const BLOCK = 1024 * 1024
const LOOKED_AT = 512
const MOST_OTHER = 0.3

/**
 * The MD5 that DVC told of files before its version 3: in what looks like text, each CR LF counts as LF
 * (dvc-data, `hashfile/hash.py` and `istextfile.py`).
 */
export function createMd5Dos2Unix(): Checksummer {
  const hash = createHash('md5')
  let parts: Uint8Array[] = []
  let length = 0
  const flush = (): void => {
    const block = Buffer.concat(parts)
    hash.update(isText(block.subarray(0, LOOKED_AT)) ? withoutCarriageReturns(block) : block)
    parts = []
    length = 0
  }
  return {
    update(chunk) {
      for (let at = 0; at < chunk.length; ) {
        // A copy: the chunk's memory may be used again.
        const part = Uint8Array.from(chunk.subarray(at, at + BLOCK - length))
        parts.push(part)
        at += part.length
        length += part.length
        if (length === BLOCK) flush()
      }
    },
    value() {
      flush()
      return hash.digest('hex')
    },
  }
}

function isText(head: Uint8Array): boolean {
  const others = head.filter((byte) => !((byte >= 32 && byte < 127) || TEXT.includes(byte)))
  return !head.includes(0) && others.length <= head.length * MOST_OTHER
}

const TEXT = [...Buffer.from('\n\r\t\f\b')]

function withoutCarriageReturns(block: Buffer): Buffer {
  return Buffer.from(block.toString('latin1').replaceAll('\r\n', '\n'), 'latin1')
}
