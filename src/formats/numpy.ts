import { createTally, type FileFacts } from './facts.ts'
import { Malformed, type RandomAccess, readExactly } from './random-access.ts'

const MAGIC = Buffer.from('\x93NUMPY', 'latin1')
const LARGEST_HEADER = 64 * 1024
const MOST_DIMENSIONS = 64
export const OBJECT_ARRAY = 'it holds an array of Python objects, which is a pickle'

/** Names as in safetensors, by numpy's kind and size in bytes. */
const DTYPES: Readonly<Record<string, string>> = {
  f2: 'F16',
  f4: 'F32',
  f8: 'F64',
  i1: 'I8',
  i2: 'I16',
  i4: 'I32',
  i8: 'I64',
  u1: 'U8',
  u2: 'U16',
  u4: 'U32',
  u8: 'U64',
  b1: 'BOOL',
  c8: 'C64',
  c16: 'C128',
}

/** One array as `numpy.save` writes it (NEP 1): signature, version, header as a Python literal, data. */
export async function inspectNumpy(source: RandomAccess, head: Buffer): Promise<FileFacts | undefined> {
  if (!head.subarray(0, MAGIC.length).equals(MAGIC) || head.length < 12) return undefined
  const isLong = head.readUInt8(6) > 1
  const length = isLong ? head.readUInt32LE(8) : head.readUInt16LE(8)
  if (length > LARGEST_HEADER) throw new Malformed('its header is longer than 64 KiB')
  const header = (await readExactly(source, isLong ? 12 : 10, length)).toString('latin1')
  const descr = /'descr':\s*'([^']{1,64})'/.exec(header)?.[1]
  const shape = /'shape':\s*\(([\d, L]*)\)/.exec(header)?.[1]
  if (shape === undefined) throw new Malformed('its header has no shape')
  const dimensions = shape.split(',').filter((text) => text.trim() !== '')
  if (dimensions.length > MOST_DIMENSIONS) throw new Malformed('it has too many dimensions')
  const hazard = /'descr':[^}]*'[|<>=]?O\d*'/.test(header) ? { hazard: OBJECT_ARRAY } : {}
  const dtype = descr === undefined ? undefined : DTYPES[descr.replace(/^[<>=|]/, '')]
  if (dtype === undefined) return { format: 'numpy', ...hazard }
  const tally = createTally()
  tally.add(
    dtype,
    dimensions.reduce((product, text) => product * BigInt(Number.parseInt(text, 10) || 0), 1n),
  )
  return { format: 'numpy', ...tally.facts(), ...hazard }
}
