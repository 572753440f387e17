import { type Cursor, createCursor, LARGEST_NEED } from './cursor.ts'
import { createTally, type FileFacts, isPlainPath, LONGEST_TOLD, type Tally, toldBy } from './facts.ts'
import {
  eachField,
  type Field,
  LENGTH_DELIMITED,
  type MessageBudget,
  readVarint,
  VARINT,
} from './protobuf.ts'
import { Malformed, type RandomAccess, TooLarge } from './random-access.ts'

const LIMITS = { bytes: 64 * 1024 * 1024, reads: 20_000 }
const MOST_TOP_FIELDS = 10_000
const MOST_FIELDS = 1_000_000
const MOST_DIMENSIONS = 64
const DEEPEST_GRAPH = 12
const MOST_EXTERNAL = 100_000
const LARGEST_IR_VERSION = 1000n

/** ModelProto (onnx/onnx.proto): fields and how they are encoded. */
const MODEL_FIELDS: Readonly<Record<number, number>> = {
  1: VARINT,
  2: LENGTH_DELIMITED,
  3: LENGTH_DELIMITED,
  4: LENGTH_DELIMITED,
  5: VARINT,
  6: LENGTH_DELIMITED,
  7: LENGTH_DELIMITED,
  8: LENGTH_DELIMITED,
  14: LENGTH_DELIMITED,
  20: LENGTH_DELIMITED,
  25: LENGTH_DELIMITED,
  26: LENGTH_DELIMITED,
}
const IR_VERSION = 1
const GRAPH = 7
const OPSET_IMPORT = 8
const METADATA_PROPERTIES = 14
const TRAINING_INFO = 20
const FUNCTIONS = 25
/** The first version of the format whose models must say which operators they use. */
const FIRST_WITH_OPSETS = 3n

/** Names of data types by TensorProto.DataType, as safetensors has them. */
const DATA_TYPES: Readonly<Record<number, string>> = {
  1: 'F32',
  2: 'U8',
  3: 'I8',
  4: 'U16',
  5: 'I16',
  6: 'I32',
  7: 'I64',
  8: 'STRING',
  9: 'BOOL',
  10: 'F16',
  11: 'F64',
  12: 'U32',
  13: 'U64',
  14: 'C64',
  15: 'C128',
  16: 'BF16',
  17: 'F8_E4M3',
  18: 'F8_E4M3FNUZ',
  19: 'F8_E5M2',
  20: 'F8_E5M2FNUZ',
  21: 'U4',
  22: 'I4',
  23: 'F4',
  24: 'F8_E8M0',
  25: 'U2',
  26: 'I2',
}

/**
 * An ONNX model. The format has no signature: a file counts as one when, to its last byte, it is a ModelProto with a
 * version, one graph and the operators that it uses. Undefined for anything else. Weights are skipped, not read.
 */
export async function inspectOnnx(source: RandomAccess): Promise<FileFacts | undefined> {
  const cursor = createCursor(source, LIMITS)
  const found = await modelParts(cursor, source.size)
  if (found === undefined) return undefined
  const walk: Walk = {
    cursor,
    tally: createTally(),
    external: new Set(),
    budget: { fields: MOST_FIELDS },
  }
  try {
    for (const part of found.parts) {
      cursor.seek(part.start)
      await MESSAGES[part.kind](walk, part.end, 0)
    }
  } catch (error) {
    if (!(error instanceof Malformed || error instanceof TooLarge)) throw error
    // A model that cannot be looked through may need files beside it; whoever asks is told so.
    return { format: 'onnx', remarks: [`${UNKNOWN_EXTERNAL}: ${error.message}`] }
  }
  const told = toldBy(await readProperties(cursor, found.properties))
  return { format: 'onnx', ...walk.tally.facts(), ...told, externalData: [...walk.external].sort() }
}

/** StringStringEntryProto: key = 1, value = 2. What is no such entry is left out: it is told to people alone. */
async function readProperties(
  cursor: Cursor,
  properties: readonly Span[],
): Promise<readonly (readonly [key: string, value: string])[]> {
  const entries: (readonly [string, string])[] = []
  for (const { start, end } of properties.slice(0, MOST_PROPERTIES)) {
    if (end - start > 2 * LONGEST_TOLD) continue
    const texts = new Map<number, string>()
    cursor.seek(start)
    try {
      await eachField(cursor, { end, budget: { fields: 10 } }, async (field) => {
        if (field.wire === LENGTH_DELIMITED) texts.set(field.number, await textOf(cursor, field))
      })
    } catch (error) {
      if (!(error instanceof Malformed || error instanceof TooLarge)) throw error
      continue
    }
    entries.push([texts.get(1) ?? '', texts.get(2) ?? ''])
  }
  return entries
}

const MOST_PROPERTIES = 100

async function textOf(cursor: Cursor, { start, end }: Span): Promise<string> {
  await cursor.need(end - start)
  return cursor.bytes(end - start).toString('utf8')
}

type Span = Pick<Field, 'start' | 'end'>

const UNKNOWN_EXTERNAL = 'what it needs beside it is not known'

/**
 * Whether the file is an ONNX model that needs, or may need, files beside it. Those must not be hard links: ONNX
 * refuses them.
 */
export async function needsExternalData(source: RandomAccess): Promise<boolean> {
  const facts = await inspectOnnx(source)
  return facts !== undefined && facts.externalData?.length !== 0
}

type Kind = 'graph' | 'training' | 'function'

interface Part {
  readonly kind: Kind
  readonly start: number
  readonly end: number
}

const PARTS: Readonly<Record<number, Kind>> = {
  [GRAPH]: 'graph',
  [TRAINING_INFO]: 'training',
  [FUNCTIONS]: 'function',
}

interface ModelParts {
  readonly parts: readonly Part[]
  readonly properties: readonly Span[]
}

async function modelParts(cursor: Cursor, size: number): Promise<ModelParts | undefined> {
  const parts: Part[] = []
  const properties: Span[] = []
  let irVersion = 0n
  let hasOpsets = false
  try {
    await eachField(cursor, { end: size, budget: { fields: MOST_TOP_FIELDS } }, (field) => {
      if (MODEL_FIELDS[field.number] !== field.wire) throw new Malformed('no ModelProto')
      if (field.number === IR_VERSION) irVersion = field.value
      if (field.number === OPSET_IMPORT) hasOpsets = true
      if (field.number === METADATA_PROPERTIES) properties.push({ start: field.start, end: field.end })
      const kind = PARTS[field.number]
      if (kind !== undefined) parts.push({ kind, start: field.start, end: field.end })
      return undefined
    })
  } catch (error) {
    if (error instanceof Malformed || error instanceof TooLarge) return undefined
    throw error
  }
  if (irVersion < 1n || irVersion > LARGEST_IR_VERSION) return undefined
  if (irVersion >= FIRST_WITH_OPSETS && !hasOpsets) return undefined
  const graphs = parts.filter((part) => part.kind === 'graph' && part.end > part.start)
  return graphs.length === 1 ? { parts, properties } : undefined
}

interface Walk {
  readonly cursor: Cursor
  readonly tally: Tally
  readonly external: Set<string>
  readonly budget: MessageBudget
}

type ReadMessage = (walk: Walk, end: number, depth: number) => Promise<void>

/** A message of which only some fields matter, each a message itself. */
function nested(children: Readonly<Record<number, () => ReadMessage>>): ReadMessage {
  return async (walk, end, depth) => {
    if (depth > DEEPEST_GRAPH * 4) throw new Malformed('its graphs are nested too deeply')
    await eachField(walk.cursor, { end, budget: walk.budget }, (field) => {
      const read = children[field.number]
      if (read === undefined || field.wire !== LENGTH_DELIMITED) return undefined
      return read()(walk, field.end, depth + 1)
    })
  }
}

const initializer: ReadMessage = (walk, end) => readTensor(walk, { end, counts: true })
const constant: ReadMessage = (walk, end) => readTensor(walk, { end, counts: false })
const sparseInitializer = nested({ 1: () => initializer, 2: () => constant })
const sparseConstant = nested({ 1: () => constant, 2: () => constant })
const attribute: ReadMessage = nested({
  5: () => constant,
  6: () => graph,
  10: () => constant,
  11: () => graph,
  22: () => sparseConstant,
  23: () => sparseConstant,
})
const node = nested({ 5: () => attribute })
const graph: ReadMessage = nested({ 1: () => node, 5: () => initializer, 15: () => sparseInitializer })

const MESSAGES: Readonly<Record<Kind, ReadMessage>> = {
  graph,
  training: nested({ 1: () => graph, 2: () => graph }),
  function: nested({ 7: () => node, 11: () => attribute }),
}

/** TensorProto: dims = 1, data_type = 2, external_data = 13, data_location = 14. */
async function readTensor(
  { cursor, tally, external, budget }: Walk,
  { end, counts }: { readonly end: number; readonly counts: boolean },
): Promise<void> {
  let count = 1n
  let dimensions = 0
  let type = 0
  let isExternal = false
  let location: string | undefined
  const dimension = (value: bigint): void => {
    if (++dimensions > MOST_DIMENSIONS) throw new Malformed('one of its tensors has too many dimensions')
    count *= value
  }
  await eachField(cursor, { end, budget }, (field) => {
    if (field.number === 1 && field.wire === VARINT) dimension(field.value)
    if (field.number === 1 && field.wire === LENGTH_DELIMITED) return readPacked(cursor, field, dimension)
    if (field.number === 2) type = Number(field.value)
    if (field.number === 14) isExternal = field.value === 1n
    if (field.number === 13 && field.wire === LENGTH_DELIMITED) {
      return readEntry({ cursor, budget }, field).then((entry) => {
        if (entry.key === 'location') location = entry.value
      })
    }
    return undefined
  })
  if (isExternal) {
    if (location === undefined || !isPlainPath(location))
      throw new Malformed('a tensor lies in a file without a proper name')
    if (external.size >= MOST_EXTERNAL) throw new TooLarge('it needs too many files beside it')
    external.add(location)
  }
  if (counts) tally.add(DATA_TYPES[type] ?? 'unknown', count)
}

async function readPacked(cursor: Cursor, { end }: Field, onValue: (value: bigint) => void): Promise<void> {
  while (cursor.position() < end) onValue(await readVarint(cursor))
}

/** StringStringEntryProto: key = 1, value = 2. */
async function readEntry(
  { cursor, budget }: { readonly cursor: Cursor; readonly budget: MessageBudget },
  { end }: Field,
): Promise<{ readonly key?: string; readonly value?: string }> {
  const entry: { key?: string; value?: string } = {}
  await eachField(cursor, { end, budget }, async (field) => {
    if (field.wire !== LENGTH_DELIMITED || (field.number !== 1 && field.number !== 2)) return
    const length = field.end - field.start
    if (length > LARGEST_NEED) throw new Malformed('one of its names is too long')
    await cursor.need(length)
    const text = cursor.bytes(length).toString('utf8')
    if (field.number === 1) entry.key = text
    else entry.value = text
  })
  return entry
}
