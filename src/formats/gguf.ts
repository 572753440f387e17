import { bounded, type Cursor, createCursor, LARGEST_NEED } from './cursor.ts'
import { createTally, type FileFacts, LONGEST_TOLD, plainName, toldBy } from './facts.ts'
import { GGML_TYPES, GGUF_FILE_TYPES, GGUF_VALUES } from './gguf-types.ts'
import { Malformed, type RandomAccess } from './random-access.ts'

const MAGIC = Buffer.from('GGUF')
const VERSIONS = [2, 3]
/** Vocabularies stand in the header; the largest in use take some ten MiB. */
const LIMITS = { bytes: 64 * 1024 * 1024, reads: 4096 }
const MOST_PAIRS = 65_536
const MOST_TENSORS = 262_144
const MOST_ELEMENTS = 8_000_000
const MOST_DIMENSIONS = 8
const DEEPEST_ARRAY = 4
const { STRING, ARRAY, UINT32, sizes: VALUE_SIZES } = GGUF_VALUES

/** A GGUF file (ggml, docs/gguf.md), versions 2 and 3, little-endian. Undefined without its signature; throws Malformed, TooLarge. */
export async function inspectGguf(source: RandomAccess, head: Buffer): Promise<FileFacts | undefined> {
  if (!head.subarray(0, MAGIC.length).equals(MAGIC)) return undefined
  const cursor = createCursor(source, LIMITS)
  await cursor.need(24)
  cursor.skip(MAGIC.length)
  const version = cursor.u32()
  if (!VERSIONS.includes(version)) {
    return { format: 'gguf', remarks: ['a version of GGUF, or an order of bytes, that is not read'] }
  }
  const tensors = bounded(cursor.u64(), MOST_TENSORS)
  const pairs = bounded(cursor.u64(), MOST_PAIRS)
  const { architecture, fileType, told } = await readMetadata(cursor, pairs)
  const tally = createTally()
  for (let index = 0; index < tensors; index++) await readTensor(cursor, tally)
  const precision = fileType === undefined ? undefined : GGUF_FILE_TYPES[fileType & ~GUESSED]
  return {
    format: 'gguf',
    ...tally.facts(),
    ...(precision !== undefined && { precision }),
    ...(architecture !== undefined && { architecture }),
    ...toldBy(told),
  }
}

/** Set in `general.file_type` where the converter only guessed it. */
const GUESSED = 1024

/** Keys of texts for people (ggml's gguf.md, "General metadata"). */
const ABOUT_MODEL = /^general\.(?:name|author|version|organization|description|license|url|source\.url)$/

interface Metadata {
  readonly told: Map<string, string>
  architecture?: string | undefined
  fileType?: number
}

async function readMetadata(cursor: Cursor, pairs: number): Promise<Metadata> {
  const found: Metadata = { told: new Map() }
  const budget = { elements: MOST_ELEMENTS }
  for (let index = 0; index < pairs; index++) {
    const key = await readString(cursor)
    await cursor.need(4)
    const type = cursor.u32()
    if (key === 'general.architecture' && type === STRING)
      found.architecture = plainName(await readString(cursor))
    else if (key === 'general.file_type' && type === UINT32) {
      await cursor.need(4)
      found.fileType = cursor.u32()
    } else if (type === STRING && ABOUT_MODEL.test(key)) {
      const text = await readShort(cursor)
      if (text !== undefined) found.told.set(key, text)
    } else await skipValue(cursor, { type, depth: 0, budget })
  }
  return found
}

async function skipValue(
  cursor: Cursor,
  { type, depth, budget }: { type: number; depth: number; budget: { elements: number } },
): Promise<void> {
  if (type === STRING) return skipString(cursor)
  if (type !== ARRAY) return cursor.skip(sizeOfValue(type))
  if (depth >= DEEPEST_ARRAY) throw new Malformed('its metadata is nested too deeply')
  await cursor.need(12)
  const of = cursor.u32()
  const length = bounded(cursor.u64(), MOST_ELEMENTS)
  if (of !== STRING && of !== ARRAY) return cursor.skip(length * sizeOfValue(of))
  budget.elements -= length
  if (budget.elements < 0) throw new Malformed('its metadata has too many elements')
  for (let index = 0; index < length; index++) {
    // Without waiting where nothing has to be read: a vocabulary has hundreds of thousands of strings.
    if (of === STRING && cursor.has(8)) cursor.skip(bounded(cursor.u64(), Number.MAX_SAFE_INTEGER))
    else await skipValue(cursor, { type: of, depth: depth + 1, budget })
  }
}

function sizeOfValue(type: number): number {
  const size = VALUE_SIZES[type]
  if (size === undefined) throw new Malformed('its metadata has a value of an unknown type')
  return size
}

async function readTensor(cursor: Cursor, tally: ReturnType<typeof createTally>): Promise<void> {
  await skipString(cursor)
  await cursor.need(4)
  const dimensions = cursor.u32()
  if (dimensions > MOST_DIMENSIONS) throw new Malformed('one of its tensors has too many dimensions')
  await cursor.need(dimensions * 8 + 12)
  let count = 1n
  for (let index = 0; index < dimensions; index++) count *= cursor.u64()
  const type = cursor.u32()
  cursor.skip(8)
  tally.add(GGML_TYPES[type] ?? 'unknown', count)
}

async function readString(cursor: Cursor): Promise<string> {
  await cursor.need(8)
  const length = bounded(cursor.u64(), LARGEST_NEED)
  await cursor.need(length)
  return cursor.bytes(length).toString('utf8')
}

/** Undefined, and passed over, where it is longer than what is told. */
async function readShort(cursor: Cursor): Promise<string | undefined> {
  await cursor.need(8)
  const length = bounded(cursor.u64(), Number.MAX_SAFE_INTEGER)
  if (length <= LONGEST_TOLD) {
    await cursor.need(length)
    return cursor.bytes(length).toString('utf8')
  }
  cursor.skip(length)
  return undefined
}

async function skipString(cursor: Cursor): Promise<void> {
  await cursor.need(8)
  cursor.skip(bounded(cursor.u64(), Number.MAX_SAFE_INTEGER))
}
