import type { RandomAccess } from '../../formats/index.ts'

const HEAP = Buffer.from('HEAP')
const MOST_LOOKS = 100_000
const MOST_FILES = 1000

/** A link to an object of another file (HDF5 specification, IV.A.2.g): version, flags with a kind, the kind 64. */
const LINK = /\x01[\x08-\x1f]\x40/g
/** A list of other files with the data of this one (IV.A.2.h): version, three zeros, two counts, where their names are. */
const LIST = /\x01\0\0\0[\s\S]{4}[\s\S]{8}/g

export interface Outside {
  /** What, in this part of the file, lies in or leads to another file. `text` is the same, a letter for a byte. */
  find(bytes: Buffer, text: string): Promise<string | undefined>
}

/**
 * Looks for what HDF5 would read from other files. Its structures are not followed but told by their form, which nothing
 * else has by chance: a link ends where its lengths say, a list points to a heap.
 */
export function lookOutside(source: RandomAccess): Outside {
  let looks = 0
  return {
    async find(bytes, text) {
      for (const { index } of text.matchAll(LINK)) {
        const file = linkedFile(bytes, index)
        if (file !== undefined) return file
      }
      LIST.lastIndex = 0
      for (let found = LIST.exec(text); found !== null && looks < MOST_LOOKS; found = LIST.exec(text)) {
        LIST.lastIndex = found.index + 1
        const slots = bytes.readUInt16LE(found.index + 4)
        const used = bytes.readUInt16LE(found.index + 6)
        const heap = bytes.readBigUInt64LE(found.index + 8)
        if (used < 1 || used > slots || slots > MOST_FILES || heap < 8n || heap + 32n > BigInt(source.size))
          continue
        looks++
        if (HEAP.equals(await source.read(Number(heap), 4))) return 'a list of files'
      }
      return undefined
    },
  }
}

function linkedFile(bytes: Buffer, start: number): string | undefined {
  const flags = bytes[start + 1] as number
  let at = start + 3 + ((flags & 4) !== 0 ? 8 : 0) + ((flags & 16) !== 0 ? 1 : 0)
  const width = 2 ** (flags & 3)
  if (at + width + 2 > bytes.length || width > 4) return undefined
  const nameLength = bytes.readUIntLE(at, width)
  at += width + nameLength
  if (nameLength === 0 || nameLength > 1024 || at + 2 > bytes.length) return undefined
  const length = bytes.readUInt16LE(at)
  const value = bytes.toString('latin1', at + 2, at + 2 + length)
  if (length < 4 || value.length !== length) return undefined
  return /^\0([\x20-\x7e\x80-\xff]+)\0[\x20-\x7e\x80-\xff]+\0$/.exec(value)?.[1]
}
