import { type Json, objectOf, parseJson } from '../model/index.ts'
import { createTally, type FileFacts, toldBy } from './facts.ts'
import { Malformed, type RandomAccess, readExactly } from './random-access.ts'

const NAME = /\.safetensors$/i
/** In bytes; the largest files in use have tens of thousands of tensors at about 100 bytes each. */
const LARGEST_HEADER = 8 * 1024 * 1024
const LENGTH_SIZE = 8
const MOST_DIMENSIONS = 64

/** Bits of an element, by the names of the format. */
const BITS: Readonly<Record<string, bigint>> = {
  BOOL: 8n,
  F4: 4n,
  F6_E2M3: 6n,
  F6_E3M2: 6n,
  U8: 8n,
  I8: 8n,
  F8_E5M2: 8n,
  F8_E4M3: 8n,
  F8_E8M0: 8n,
  F8_E4M3FNUZ: 8n,
  F8_E5M2FNUZ: 8n,
  I16: 16n,
  U16: 16n,
  F16: 16n,
  BF16: 16n,
  I32: 32n,
  U32: 32n,
  F32: 32n,
  C64: 64n,
  F64: 64n,
  I64: 64n,
  U64: 64n,
}

/**
 * A safetensors file: the header's length (u64), the header (JSON, tensors by name), the tensors without gaps. There
 * is no signature, so the whole header has to be right. Undefined for anything else. Throws Malformed where only the
 * name says safetensors.
 */
export async function inspectSafetensors(source: RandomAccess, head: Buffer): Promise<FileFacts | undefined> {
  const named = NAME.test(source.path)
  const header = await readHeader(source, head).catch((error: unknown) => {
    if (error instanceof Malformed && !named) return undefined
    throw error
  })
  if (header === undefined) return undefined
  const tally = createTally()
  const spans: (readonly [begin: number, end: number])[] = []
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue
    const tensor = decodeTensor(objectOf(entry))
    if (tensor === undefined) {
      if (named) throw new Malformed('its header has an entry that is no tensor')
      return undefined
    }
    tally.add(tensor.dtype, tensor.count)
    spans.push(tensor.span)
  }
  if (spans.length === 0 && !named) return undefined
  const dataSize = source.size - LENGTH_SIZE - Number(head.readBigUInt64LE(0))
  const texts = Object.entries(objectOf(header.__metadata__)).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string' && entry[0] !== 'format',
  )
  return { format: 'safetensors', ...tally.facts(), ...toldBy(texts), ...remarksOn(spans, dataSize) }
}

async function readHeader(source: RandomAccess, head: Buffer): Promise<Json> {
  if (head.length < LENGTH_SIZE + 2) throw new Malformed('it ends too early')
  const length = head.readBigUInt64LE(0)
  if (length > BigInt(source.size - LENGTH_SIZE)) throw new Malformed('its header is longer than the file')
  if (length > BigInt(LARGEST_HEADER)) throw new Malformed('its header is larger than 8 MiB')
  if (head[LENGTH_SIZE] !== 0x7b) throw new Malformed('its header is no JSON')
  const header = parseJson(await readExactly(source, LENGTH_SIZE, Number(length)))
  if (header === undefined) throw new Malformed('its header is no JSON')
  return header
}

interface Tensor {
  readonly dtype: string
  readonly count: bigint
  readonly span: readonly [begin: number, end: number]
}

function decodeTensor({ dtype, shape, data_offsets: offsets }: Json): Tensor | undefined {
  const bits = typeof dtype === 'string' && Object.hasOwn(BITS, dtype) ? BITS[dtype] : undefined
  if (bits === undefined || !isCounts(shape) || !isCounts(offsets)) return undefined
  const [begin, end] = offsets
  if (begin === undefined || end === undefined || offsets.length !== 2 || end < begin) return undefined
  if (shape.length > MOST_DIMENSIONS) return undefined
  const count = shape.reduce((product, dimension) => product * BigInt(dimension), 1n)
  if (count * bits !== BigInt(end - begin) * 8n) return undefined
  return { dtype: dtype as string, count, span: [begin, end] }
}

function isCounts(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0)
}

function remarksOn(
  spans: readonly (readonly [begin: number, end: number])[],
  dataSize: number,
): Pick<FileFacts, 'remarks'> {
  const sorted = [...spans].sort(([a, x], [b, y]) => a - b || x - y)
  let covered = 0
  for (const [begin, end] of sorted) {
    if (begin !== covered) return { remarks: ['its tensors overlap or leave gaps'] }
    covered = end
  }
  if (covered > dataSize) return { remarks: [`it ends too early: ${covered - dataSize} bytes are missing`] }
  return covered < dataSize ? { remarks: [`${dataSize - covered} bytes at its end are no tensor`] } : {}
}
