import { GGUF_VALUES, type RandomAccess } from '../../formats/index.ts'
import { type Context, report } from '../context.ts'
import { createReader, Ended, type Reader } from '../reader.ts'
import type { ScanFormat } from '../verdict.ts'
import { judgeTemplate } from './template.ts'

const MAGIC = Buffer.from('GGUF')
const VERSIONS = [1, 2, 3]
/** ggml's own limit. */
const MOST_DIMENSIONS = 4
const LONGEST_KEPT = 4 * 1024 * 1024
const LONGEST_NAME = 64 * 1024
const MOST_TENSORS = 1_000_000
const DEEPEST_ARRAY = 4
const { STRING, ARRAY, UINT32, sizes: SIZES } = GGUF_VALUES

class Absurd extends Error {}

/** GGUF: its counts and lengths against its size, where its tensors lie, and its templates. Undefined for what is none. */
export async function scanGguf(
  context: Context,
  source: RandomAccess,
  head: Buffer,
): Promise<ScanFormat | undefined> {
  if (!head.subarray(0, MAGIC.length).equals(MAGIC)) return undefined
  try {
    await walk(context, source)
  } catch (error) {
    if (!(error instanceof Absurd || error instanceof Ended)) throw error
    report(context, 'hostile', 'malformed', error.message)
  }
  return 'gguf'
}

async function walk(context: Context, source: RandomAccess): Promise<void> {
  const reader = createReader(source, MAGIC.length)
  await reader.prepare(20)
  const version = reader.u32()
  if (!VERSIONS.includes(version))
    throw new Absurd('it is of a version, or an order of bytes, that is not known')
  const wide = version > 1
  const tensors = bounded(reader, wide, 24, 'tensors')
  const pairs = bounded(reader, wide, 13, 'values')
  let alignment = 32
  for (let index = 0; index < pairs; index++) {
    if ((index & 0xff) === 0) context.signal?.throwIfAborted()
    const key = await text(reader, wide, LONGEST_NAME)
    await reader.prepare(4)
    const type = reader.u32()
    if (type === STRING && /chat_template/.test(key))
      judgeTemplate(context, await text(reader, wide, LONGEST_KEPT))
    else if (type === UINT32 && key === 'general.alignment') {
      await reader.prepare(4)
      alignment = reader.u32()
    } else if (type === ARRAY && /chat_template/.test(key)) await templates(context, reader, wide)
    else await skipValue(reader, { type, wide, depth: 0 })
  }
  if (alignment === 0 || alignment > 65_536 || (alignment & (alignment - 1)) !== 0)
    throw new Absurd('its alignment is absurd')
  const offsets: number[] = []
  for (let index = 0; index < tensors; index++) {
    const offset = await tensor(reader, wide)
    if (offset !== undefined) offsets.push(offset)
  }
  const data = Math.ceil(reader.position() / alignment) * alignment
  const seen = new Set<number>()
  for (const offset of offsets) {
    if (data + offset > source.size) throw new Absurd('one of its tensors lies beyond its end')
    if (offset % alignment !== 0) throw new Absurd('one of its tensors does not lie where it may')
    if (seen.has(offset)) throw new Absurd('two of its tensors share bytes')
    seen.add(offset)
  }
}

/** A count of things that take so many bytes each at least. */
function bounded(reader: Reader, wide: boolean, least: number, what: string): number {
  const count = wide ? reader.u64() : BigInt(reader.u32())
  if (count > BigInt(Math.floor(reader.left() / least) + 1) || count > BigInt(MOST_TENSORS)) {
    throw new Absurd(`it claims more ${what} than it has room for`)
  }
  return Number(count)
}

async function lengthOf(reader: Reader, wide: boolean): Promise<number> {
  await reader.prepare(wide ? 8 : 4)
  const length = wide ? reader.u64() : BigInt(reader.u32())
  if (length > BigInt(reader.left())) throw new Absurd('one of its texts or lists is longer than the file')
  return Number(length)
}

async function text(reader: Reader, wide: boolean, most: number): Promise<string> {
  const length = await lengthOf(reader, wide)
  if (length > most) throw new Absurd('one of its texts is longer than it can be')
  await reader.prepare(length)
  return reader.bytes(length).toString('utf8')
}

async function templates(context: Context, reader: Reader, wide: boolean): Promise<void> {
  await reader.prepare(4)
  const of = reader.u32()
  const count = await lengthOf(reader, wide)
  for (let index = 0; index < count; index++) {
    if (of === STRING) judgeTemplate(context, await text(reader, wide, LONGEST_KEPT))
    else await skipValue(reader, { type: of, wide, depth: 1 })
  }
}

async function skipValue(
  reader: Reader,
  { type, wide, depth }: { readonly type: number; readonly wide: boolean; readonly depth: number },
): Promise<void> {
  if (type === STRING) return reader.skip(await lengthOf(reader, wide))
  if (type !== ARRAY) return reader.skip(sizeOf(type))
  if (depth >= DEEPEST_ARRAY) throw new Absurd('its lists are nested too deeply')
  await reader.prepare(4)
  const of = reader.u32()
  const count = await lengthOf(reader, wide)
  if (of !== STRING && of !== ARRAY) return reader.skip(count * sizeOf(of))
  for (let index = 0; index < count; index++) {
    // Without waiting where it can be: a vocabulary has hundreds of thousands.
    if (of === STRING && wide && reader.isReady(8)) {
      const length = reader.u64()
      if (length > BigInt(reader.left())) throw new Absurd('one of its texts is longer than the file')
      reader.skip(Number(length))
    } else await skipValue(reader, { type: of, wide, depth: depth + 1 })
  }
}

function sizeOf(type: number): number {
  const size = SIZES[type]
  if (size === undefined) throw new Absurd('one of its values is of an unknown type')
  return size
}

/** Where it begins; undefined where it has no elements. */
async function tensor(reader: Reader, wide: boolean): Promise<number | undefined> {
  await text(reader, wide, LONGEST_NAME)
  await reader.prepare(4)
  const dimensions = reader.u32()
  if (dimensions > MOST_DIMENSIONS) throw new Absurd('one of its tensors has too many dimensions')
  await reader.prepare(dimensions * 8 + 12)
  let count = 1n
  for (let index = 0; index < dimensions; index++) count *= wide ? reader.u64() : BigInt(reader.u32())
  if (count >= 1n << 60n) throw new Absurd('one of its tensors is larger than anything')
  reader.u32()
  const offset = reader.u64()
  if (offset > BigInt(Number.MAX_SAFE_INTEGER)) throw new Absurd('one of its tensors lies beyond its end')
  return count === 0n ? undefined : Number(offset)
}
