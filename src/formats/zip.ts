import { inflateRawSync } from 'node:zlib'
import { Malformed, type RandomAccess, readExactly, TooLarge } from './random-access.ts'
import {
  CENTRAL,
  CENTRAL_SIZE,
  END,
  END_64,
  END_64_LOCATOR,
  END_64_LOCATOR_SIZE,
  END_64_SIZE,
  END_SIZE,
  LOCAL,
  LOCAL_SIZE,
  LONGEST_COMMENT,
  NOT_HERE_16,
  NOT_HERE_32,
  withZip64,
} from './zip-records.ts'

const LARGEST_DIRECTORY = 16 * 1024 * 1024
const MOST_ENTRIES = 200_000
const STORED = 0
const DEFLATED = 8

export interface ZipEntry {
  readonly name: string
  readonly method: number
  readonly compressedSize: number
  readonly size: number
  /** Of its local header. */
  readonly offset: number
}

export function isZip(head: Uint8Array): boolean {
  return head[0] === 0x50 && head[1] === 0x4b && head[2] === 3 && head[3] === 4
}

/** The name of a zip's first entry, from its first bytes alone. */
export function firstEntryName(head: Uint8Array): string | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.length)
  if (!isZip(head) || bytes.length < LOCAL_SIZE) return undefined
  return bytes.toString('utf8', LOCAL_SIZE, LOCAL_SIZE + bytes.readUInt16LE(26))
}

/** The central directory of a zip (PKWARE APPNOTE 4.3), zip64 included. Throws Malformed, TooLarge. */
export async function readZipDirectory(source: RandomAccess): Promise<readonly ZipEntry[]> {
  const { offset, size, count } = await locateDirectory(source)
  if (size > LARGEST_DIRECTORY || count > MOST_ENTRIES) throw new TooLarge('its directory is too large')
  const directory = await readExactly(source, offset, size)
  const entries: ZipEntry[] = []
  let at = 0
  for (let index = 0; index < count; index++) {
    if (at + CENTRAL_SIZE > directory.length || directory.readUInt32LE(at) !== CENTRAL)
      throw new Malformed('its directory is damaged')
    const nameEnd = at + CENTRAL_SIZE + directory.readUInt16LE(at + 28)
    const extraEnd = nameEnd + directory.readUInt16LE(at + 30)
    const end = extraEnd + directory.readUInt16LE(at + 32)
    if (end > directory.length) throw new Malformed('its directory is damaged')
    const fields = {
      size: directory.readUInt32LE(at + 24),
      compressedSize: directory.readUInt32LE(at + 20),
      offset: directory.readUInt32LE(at + 42),
    }
    entries.push({
      name: directory.toString('utf8', at + CENTRAL_SIZE, nameEnd),
      method: directory.readUInt16LE(at + 10),
      ...withZip64(fields, directory.subarray(nameEnd, extraEnd), number64),
    })
    at = end
  }
  return entries
}

/** The bytes of one entry. Throws TooLarge above `limit`, Malformed. */
export async function readZipEntry(source: RandomAccess, entry: ZipEntry, limit: number): Promise<Buffer> {
  if (entry.size > limit || entry.compressedSize > limit)
    throw new TooLarge(`${entry.name} in it is too large`)
  const local = await readExactly(source, entry.offset, LOCAL_SIZE)
  if (local.readUInt32LE(0) !== LOCAL) throw new Malformed('its directory is damaged')
  const start = entry.offset + LOCAL_SIZE + local.readUInt16LE(26) + local.readUInt16LE(28)
  const bytes = await readExactly(source, start, entry.compressedSize)
  if (entry.method === STORED) return bytes
  if (entry.method !== DEFLATED) throw new Malformed('it is compressed in a way that is not read')
  try {
    return inflateRawSync(bytes, { maxOutputLength: limit })
  } catch {
    throw new Malformed(`${entry.name} in it is damaged`)
  }
}

async function locateDirectory(
  source: RandomAccess,
): Promise<{ readonly offset: number; readonly size: number; readonly count: number }> {
  const tailSize = Math.min(source.size, END_SIZE + LONGEST_COMMENT)
  const tail = await readExactly(source, source.size - tailSize, tailSize)
  for (let at = tail.length - END_SIZE; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== END || at + END_SIZE + tail.readUInt16LE(at + 20) !== tail.length) continue
    const count = tail.readUInt16LE(at + 10)
    const size = tail.readUInt32LE(at + 12)
    const offset = tail.readUInt32LE(at + 16)
    const is64 = count === NOT_HERE_16 || size === NOT_HERE_32 || offset === NOT_HERE_32
    return is64 ? locateDirectory64(source, source.size - tailSize + at) : { offset, size, count }
  }
  throw new Malformed('its directory is missing')
}

async function locateDirectory64(
  source: RandomAccess,
  end: number,
): Promise<{ readonly offset: number; readonly size: number; readonly count: number }> {
  const locator = await readExactly(source, end - END_64_LOCATOR_SIZE, END_64_LOCATOR_SIZE)
  if (locator.readUInt32LE(0) !== END_64_LOCATOR) throw new Malformed('its directory is damaged')
  const record = await readExactly(source, number64(locator, 8), END_64_SIZE)
  if (record.readUInt32LE(0) !== END_64) throw new Malformed('its directory is damaged')
  return { count: number64(record, 32), size: number64(record, 40), offset: number64(record, 48) }
}

function number64(bytes: Buffer, at: number): number {
  if (at + 8 > bytes.length) throw new Malformed('its directory is damaged')
  const value = bytes.readBigUInt64LE(at)
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Malformed('its directory is damaged')
  return Number(value)
}
