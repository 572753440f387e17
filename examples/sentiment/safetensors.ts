/** The safetensors format, as huggingface/safetensors describes it: header length, JSON header, bytes without a gap. */

export interface Tensor {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly data: Uint8Array
}

export interface Safetensors {
  readonly metadata: Readonly<Record<string, string>>
  readonly tensors: Readonly<Record<string, Tensor>>
}

const PREFIX = 8
const LARGEST_HEADER = 100_000_000
const METADATA = '__metadata__'

const WIDTHS: Readonly<Record<string, number>> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
}

/** Throws for anything but a whole file: every byte behind the header belongs to exactly one tensor. */
export function readSafetensors(bytes: Uint8Array): Safetensors {
  if (bytes.length < PREFIX) refuse(`${bytes.length} bytes cannot hold a header`)
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true)
  if (length > LARGEST_HEADER) refuse(`a header of ${length} bytes`)
  const start = PREFIX + Number(length)
  if (start > bytes.length) refuse(`the header ends at ${start}, the file at ${bytes.length}`)
  const header = parseHeader(bytes.subarray(PREFIX, start))
  const entries = Object.entries(header).filter(([name]) => name !== METADATA)
  const placed = entries.map(([name, entry]) => ({ name, ...checkEntry(name, entry) }))
  const body = bytes.subarray(start)
  checkPlaces(placed, body.length)
  return {
    metadata: checkMetadata(header[METADATA]),
    tensors: Object.fromEntries(
      placed.map(({ name, dtype, shape, begin, end }) => [
        name,
        { dtype, shape, data: body.subarray(begin, end) },
      ]),
    ),
  }
}

/** The same bytes for the same content: names sorted, the header padded with spaces to a multiple of eight. */
export function writeSafetensors({ metadata, tensors }: Safetensors): Uint8Array {
  const header: Record<string, unknown> = { [METADATA]: metadata }
  const parts: Uint8Array[] = []
  let end = 0
  for (const name of Object.keys(tensors).sort()) {
    const { dtype, shape, data } = tensors[name] as Tensor
    header[name] = { dtype, shape, data_offsets: [end, end + data.length] }
    end += data.length
    parts.push(data)
  }
  const text = Buffer.from(JSON.stringify(header))
  const padding = Buffer.alloc((8 - (text.length % 8)) % 8, ' ')
  const prefix = Buffer.alloc(PREFIX)
  prefix.writeBigUInt64LE(BigInt(text.length + padding.length))
  return Buffer.concat([prefix, text, padding, ...parts])
}

/** A vector of 32-bit floats. Little-endian on every machine, as the format has it. */
export function vectorTensor(values: readonly number[]): Tensor {
  const data = Buffer.alloc(values.length * 4)
  values.forEach((value, index) => {
    data.writeFloatLE(value, index * 4)
  })
  return { dtype: 'F32', shape: [values.length], data }
}

/** Throws for another type or shape, and for values that are not finite. */
export function vectorOf(tensor: Tensor | undefined, name: string): Float32Array {
  if (tensor === undefined) return refuse(`there is no tensor ${name}`)
  if (tensor.dtype !== 'F32' || tensor.shape.length !== 1) {
    refuse(`${name} is ${tensor.dtype} of shape [${tensor.shape}], not a vector of F32`)
  }
  const view = new DataView(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength)
  const values = Float32Array.from({ length: tensor.data.length / 4 }, (_, index) =>
    view.getFloat32(index * 4, true),
  )
  if (!values.every(Number.isFinite)) refuse(`${name} holds a value that is not finite`)
  return values
}

function refuse(why: string): never {
  throw new Error(`not a safetensors file that can be used: ${why}`)
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  if (bytes[0] !== 0x7b) refuse('the header does not begin with {')
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Record<string, unknown>
  } catch {
    return refuse('the header is not JSON')
  }
}

function checkMetadata(value: unknown): Readonly<Record<string, string>> {
  if (value === undefined) return {}
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(`${METADATA} is no object`)
  const entries = Object.entries(value as Record<string, unknown>)
  if (!entries.every(([, text]) => typeof text === 'string')) refuse(`${METADATA} holds more than text`)
  return Object.fromEntries(entries) as Record<string, string>
}

interface Placed {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly begin: number
  readonly end: number
}

function checkEntry(name: string, entry: unknown): Placed {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>
  const width = typeof dtype === 'string' && Object.hasOwn(WIDTHS, dtype) ? WIDTHS[dtype] : undefined
  if (width === undefined) return refuse(`${name} has the type ${JSON.stringify(dtype)}`)
  if (!isSizes(shape)) return refuse(`${name} has the shape ${JSON.stringify(shape)}`)
  if (!isSizes(offsets)) return refuse(`${name} has the offsets ${JSON.stringify(offsets)}`)
  const [begin, end, ...more] = offsets
  if (begin === undefined || end === undefined || more.length > 0 || begin > end) {
    return refuse(`${name} has the offsets ${JSON.stringify(offsets)}`)
  }
  const size = shape.reduce((product, length) => product * length, width)
  if (size !== end - begin) refuse(`${name} needs ${size} bytes and has ${end - begin}`)
  return { dtype: dtype as string, shape, begin, end }
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0)
}

function checkPlaces(placed: readonly (Placed & { readonly name: string })[], size: number): void {
  let at = 0
  for (const { name, begin, end } of [...placed].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== at) refuse(`${name} begins at ${begin}, where ${at} is expected`)
    at = end
  }
  if (at !== size) refuse(`the tensors end at ${at}, the file holds ${size} bytes of them`)
}
