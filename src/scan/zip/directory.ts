import { type RandomAccess, zipRecords } from '../../formats/index.ts'

/** What a zip says of a file in it, in its directory or before the file itself. Offsets are those in the source. */
export interface ZipRecord {
  readonly name: string
  readonly flags: number
  readonly method: number
  readonly crc: number
  readonly compressedSize: number
  readonly size: number
  /** Of what stands before the file. */
  readonly offset: number
  readonly isLink: boolean
}

/** One reading of a zip: loaders differ in where they look for the directory, and in how they count. */
export interface ZipDirectory {
  readonly records: readonly ZipRecord[]
  readonly start: number
  /** Behind the end record and its comment. */
  readonly end: number
  /** The end record says something else than what is there. */
  readonly isOdd: boolean
}

const {
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
  NOT_HERE_32,
} = zipRecords
/** A flag: sizes and checksum stand behind the file. */
export const SIZES_FOLLOW = 0x8
const MOST_ENDS = 16
const LARGEST_DIRECTORY = 64 * 1024 * 1024

/** Every directory that some loader could find, that which most find first. Empty for what is no zip. */
export async function findDirectories(source: RandomAccess, most: number): Promise<readonly ZipDirectory[]> {
  const tailStart = Math.max(0, source.size - END_SIZE - LONGEST_COMMENT)
  const tail = Buffer.from(await source.read(tailStart, source.size - tailStart))
  const found: ZipDirectory[] = []
  let ends = 0
  for (let at = tail.length - END_SIZE; at >= 0 && ends < MOST_ENDS; at--) {
    if (tail[at] !== 0x50 || tail.readUInt32LE(at) !== END) continue
    ends++
    for (const place of await placesOf(source, tail, at, tailStart + at)) {
      if (found.some(({ start, end }) => start === place.start && end === place.end)) continue
      const directory = await readDirectory(source, place, most)
      if (directory !== undefined) found.push(directory)
    }
  }
  return found
}

interface Place {
  readonly start: number
  /** To be added to every offset in it. */
  readonly shift: number
  readonly size: number
  readonly count: number
  /** Of the end record. */
  readonly endAt: number
  readonly end: number
}

async function placesOf(
  source: RandomAccess,
  tail: Buffer,
  at: number,
  endAt: number,
): Promise<readonly Place[]> {
  const end = endAt + END_SIZE + tail.readUInt16LE(at + 20)
  const plain = {
    count: tail.readUInt16LE(at + 10),
    size: tail.readUInt32LE(at + 12),
    offset: tail.readUInt32LE(at + 16),
  }
  const places: Place[] = []
  const add = ({ count, size, offset }: typeof plain, before: number): void => {
    // As the record says, and, as Python does, right before the record, whatever it says.
    places.push({ start: offset, shift: 0, size, count, endAt: before, end })
    if (before - size !== offset)
      places.push({ start: before - size, shift: before - size - offset, size, count, endAt: before, end })
  }
  const wide = await read64(source, endAt)
  if (wide !== undefined) add(wide, wide.at)
  if (wide === undefined || (plain.offset !== NOT_HERE_32 && plain.size !== NOT_HERE_32)) add(plain, endAt)
  return places.filter(({ start, size }) => start >= 0 && start + Math.min(size, CENTRAL_SIZE) <= source.size)
}

async function read64(
  source: RandomAccess,
  endAt: number,
): Promise<
  { readonly count: number; readonly size: number; readonly offset: number; readonly at: number } | undefined
> {
  const locator = await exactly(source, endAt - END_64_LOCATOR_SIZE, END_64_LOCATOR_SIZE)
  if (locator?.readUInt32LE(0) !== END_64_LOCATOR) return undefined
  // Where it says, or right before it.
  for (const at of [Number(locator.readBigUInt64LE(8)), endAt - END_64_LOCATOR_SIZE - END_64_SIZE]) {
    if (!Number.isSafeInteger(at)) continue
    const record = await exactly(source, at, END_64_SIZE)
    if (record?.readUInt32LE(0) !== END_64) continue
    const [count, size, offset] = [32, 40, 48].map((field) => Number(record.readBigUInt64LE(field)))
    if (count !== undefined && size !== undefined && offset !== undefined) return { count, size, offset, at }
  }
  return undefined
}

/** Undefined where there is none. Reads on for as long as there are records, whatever their number should be. */
async function readDirectory(
  source: RandomAccess,
  place: Place,
  most: number,
): Promise<ZipDirectory | undefined> {
  const length = Math.min(place.endAt - place.start, LARGEST_DIRECTORY)
  if (length < 0) return undefined
  const bytes = (await exactly(source, place.start, length)) ?? Buffer.alloc(0)
  const records: ZipRecord[] = []
  let at = 0
  while (at + CENTRAL_SIZE <= bytes.length && bytes.readUInt32LE(at) === CENTRAL && records.length < most) {
    const nameEnd = at + CENTRAL_SIZE + bytes.readUInt16LE(at + 28)
    const extraEnd = nameEnd + bytes.readUInt16LE(at + 30)
    if (extraEnd > bytes.length) break
    const sizes = sizesOf(
      {
        size: bytes.readUInt32LE(at + 24),
        compressedSize: bytes.readUInt32LE(at + 20),
        offset: bytes.readUInt32LE(at + 42),
      },
      bytes.subarray(nameEnd, extraEnd),
    )
    records.push({
      name: bytes.toString('utf8', at + CENTRAL_SIZE, nameEnd),
      flags: bytes.readUInt16LE(at + 8),
      method: bytes.readUInt16LE(at + 10),
      crc: bytes.readUInt32LE(at + 16),
      ...sizes,
      offset: sizes.offset + place.shift,
      isLink: bytes.readUInt32LE(at + 38) >>> 28 === 0xa,
    })
    at = extraEnd + bytes.readUInt16LE(at + 32)
  }
  if (records.length === 0 && (place.count !== 0 || place.size !== 0 || place.start !== place.endAt))
    return undefined
  const isOdd = records.length !== place.count || at !== place.size || place.start + at !== place.endAt
  return { records, start: place.start, end: place.end, isOdd }
}

/** What stands before a file, and where the file begins. Undefined where there is nothing such. */
export async function readLocal(
  source: RandomAccess,
  offset: number,
): Promise<{ readonly record: ZipRecord; readonly start: number } | undefined> {
  const head = await exactly(source, offset, LOCAL_SIZE)
  if (head?.readUInt32LE(0) !== LOCAL) return undefined
  const nameLength = head.readUInt16LE(26)
  const extraLength = head.readUInt16LE(28)
  const rest = await exactly(source, offset + LOCAL_SIZE, nameLength + extraLength)
  if (rest === undefined) return undefined
  const sizes = { size: head.readUInt32LE(22), compressedSize: head.readUInt32LE(18), offset }
  return {
    record: {
      name: rest.toString('utf8', 0, nameLength),
      flags: head.readUInt16LE(6),
      method: head.readUInt16LE(8),
      crc: head.readUInt32LE(14),
      ...sizesOf(sizes, rest.subarray(nameLength)),
      isLink: false,
    },
    start: offset + LOCAL_SIZE + nameLength + extraLength,
  }
}

/** What a short field leaves out stays as it is: the file then lies where nothing can be. */
function sizesOf(sizes: zipRecords.ZipSizes, extra: Buffer): zipRecords.ZipSizes {
  return zipRecords.withZip64(sizes, extra, (bytes, at) =>
    at + 8 > bytes.length ? NOT_HERE_32 : Number(bytes.readBigUInt64LE(at)),
  )
}

async function exactly(source: RandomAccess, offset: number, length: number): Promise<Buffer | undefined> {
  if (offset < 0 || length < 0 || offset + length > source.size) return undefined
  const bytes = await source.read(offset, length)
  return bytes.length === length ? Buffer.from(bytes.buffer, bytes.byteOffset, length) : undefined
}
