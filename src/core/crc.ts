/** A cyclic redundancy check in the making, reflected, as Castagnoli's and NVMe's are. */
export interface Crc {
  update(chunk: Uint8Array): void
  /** Most significant byte first. */
  digest(): Buffer
}

/** CRC-32C (RFC 3720, 12.1), as Google Cloud Storage and S3 tell it. */
export function createCrc32c(): Crc {
  return createCrc({ low: 0x82f63b78, high: 0 }, 4)
}

/** CRC-64/NVME (NVM Express, 5.2.1.3.4), as S3 tells it. */
export function createCrc64nvme(): Crc {
  return createCrc({ low: 0xac4bc9b5, high: 0x9a6c9329 }, 8)
}

interface Polynomial {
  readonly low: number
  readonly high: number
}

/** Eight bytes a step, by eight tables (Kounavis and Berry, "slicing-by-8"), in halves of 32 bits. */
function createCrc(polynomial: Polynomial, bytes: 4 | 8): Crc {
  const { low: L, high: H } = tablesOf(polynomial)
  const isWide = bytes === 8
  let low = -1
  let high = isWide ? -1 : 0
  return {
    update(chunk) {
      const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength)
      const whole = chunk.length - (chunk.length % 8)
      let l = low
      let h = high
      for (let at = 0; at < whole; at += 8) {
        const a = l ^ view.getInt32(at, true)
        const b = h ^ view.getInt32(at + 4, true)
        const i = 1792 + (a & 255)
        const j = 1536 + ((a >>> 8) & 255)
        const k = 1280 + ((a >>> 16) & 255)
        const m = 1024 + (a >>> 24)
        const n = 768 + (b & 255)
        const o = 512 + ((b >>> 8) & 255)
        const p = 256 + ((b >>> 16) & 255)
        const q = b >>> 24
        l = of(L, i) ^ of(L, j) ^ of(L, k) ^ of(L, m) ^ of(L, n) ^ of(L, o) ^ of(L, p) ^ of(L, q)
        if (isWide) h = of(H, i) ^ of(H, j) ^ of(H, k) ^ of(H, m) ^ of(H, n) ^ of(H, o) ^ of(H, p) ^ of(H, q)
      }
      for (let at = whole; at < chunk.length; at++) {
        const index = (l ^ of(chunk, at)) & 255
        l = (l >>> 8) ^ (h << 24) ^ of(L, index)
        h = (h >>> 8) ^ of(H, index)
      }
      low = l
      high = h
    },
    digest() {
      const result = Buffer.alloc(8)
      result.writeInt32BE(~high, 0)
      result.writeInt32BE(~low, 4)
      return result.subarray(8 - bytes)
    },
  }
}

/** Within bounds by construction. */
function of(table: Int32Array | Uint8Array, index: number): number {
  return table[index] as number
}

interface Tables {
  readonly low: Int32Array
  readonly high: Int32Array
}

const made = new Map<number, Tables>()

/** Table n, of 256 entries at 256 n, is for the byte that n others follow. */
function tablesOf({ low, high }: Polynomial): Tables {
  const known = made.get(low)
  if (known !== undefined) return known
  const tables = { low: new Int32Array(2048), high: new Int32Array(2048) }
  for (let byte = 0; byte < 256; byte++) {
    let [l, h] = [byte, 0]
    for (let bit = 0; bit < 8; bit++) {
      const carry = l & 1
      l = (l >>> 1) | (h << 31)
      h >>>= 1
      if (carry !== 0) [l, h] = [l ^ low, h ^ high]
    }
    tables.low[byte] = l
    tables.high[byte] = h
  }
  for (let index = 256; index < 2048; index++) {
    const [l, h] = [of(tables.low, index - 256), of(tables.high, index - 256)]
    tables.low[index] = (l >>> 8) ^ (h << 24) ^ of(tables.low, l & 255)
    tables.high[index] = (h >>> 8) ^ of(tables.high, l & 255)
  }
  made.set(low, tables)
  return tables
}
