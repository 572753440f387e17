import { objectOf, parseJson } from '../model/index.ts'
import { createTally, type FileFacts, plainName } from './facts.ts'
import { type RandomAccess, TooLarge } from './random-access.ts'
import { isZip, readZipDirectory, readZipEntry, type ZipEntry } from './zip.ts'

const LARGEST_CONFIG = 8 * 1024 * 1024
const LARGEST_PICKLE = 8 * 1024 * 1024
const TORCH_PICKLE = 'it holds a pickle'

/** torch's storages: the name as safetensors has it, and the bytes of an element. */
const STORAGES: Readonly<Record<string, readonly [dtype: string, size: number]>> = {
  DoubleStorage: ['F64', 8],
  FloatStorage: ['F32', 4],
  HalfStorage: ['F16', 2],
  BFloat16Storage: ['BF16', 2],
  LongStorage: ['I64', 8],
  IntStorage: ['I32', 4],
  ShortStorage: ['I16', 2],
  CharStorage: ['I8', 1],
  ByteStorage: ['U8', 1],
  BoolStorage: ['BOOL', 1],
}

/** What a zip is by the names in it: torch, TorchScript, Keras, numpy, TorchServe. Undefined for any other file. */
export async function inspectArchive(source: RandomAccess, head: Buffer): Promise<FileFacts | undefined> {
  if (!isZip(head)) return undefined
  const entries = await readZipDirectory(source)
  const find = (pattern: RegExp): ZipEntry | undefined => entries.find(({ name }) => pattern.test(name))
  const data = find(/^[^/]+\/data\.pkl$/)
  if (data !== undefined && find(/^[^/]+\/code\//) !== undefined) {
    return { format: 'torchscript', hazard: 'it holds a program and pickles' }
  }
  if (data !== undefined) {
    return { format: 'torch', ...(await inspectTorch(source, { entries, data })), hazard: TORCH_PICKLE }
  }
  if (find(/^MAR-INF\/MANIFEST\.json$/) !== undefined) {
    return { format: 'torch-archive', hazard: 'it holds Python code that TorchServe runs' }
  }
  const config = find(/^config\.json$/)
  if (config !== undefined && find(/^(?:model\.weights\.(?:h5|npz)|metadata\.json)$/) !== undefined) {
    return inspectKeras(source, config)
  }
  const files = entries.filter(({ name }) => !name.endsWith('/'))
  if (files.length > 0 && files.every(({ name }) => name.endsWith('.npy'))) return { format: 'numpy' }
  const pickle = find(/\.(?:pkl|pickle|joblib|dill)$/i)
  return pickle === undefined ? { format: 'plain' } : { format: 'plain', hazard: TORCH_PICKLE }
}

/**
 * The types of the storages are named in the pickle, their sizes are those of the entries beside it. With one type
 * the parameters follow; with several, which is which would only a pickle machine tell.
 */
async function inspectTorch(
  source: RandomAccess,
  { entries, data }: { readonly entries: readonly ZipEntry[]; readonly data: ZipEntry },
): Promise<Partial<FileFacts>> {
  const pickle = await readZipEntry(source, data, LARGEST_PICKLE).catch((error: unknown) => {
    if (error instanceof TooLarge) return undefined
    throw error
  })
  const used = Object.entries(STORAGES).filter(([name]) => pickle?.includes(`torch\n${name}\n`, 0, 'latin1'))
  const [first] = used
  // A storage without a type has one for each tensor, which stands elsewhere.
  if (first === undefined || pickle?.includes('UntypedStorage', 0, 'latin1')) return {}
  if (used.length > 1) return { precision: `mixed (${used.map(([, [dtype]]) => dtype).join(', ')})` }
  const [, storage] = first
  const directory = `${data.name.slice(0, data.name.indexOf('/'))}/data/`
  const bytes = entries
    .filter(({ name }) => name.startsWith(directory))
    .reduce((sum, { size }) => sum + BigInt(size), 0n)
  const tally = createTally()
  tally.add(storage[0], bytes / BigInt(storage[1]))
  return tally.facts()
}

async function inspectKeras(source: RandomAccess, entry: ZipEntry): Promise<FileFacts> {
  const text = await readZipEntry(source, entry, LARGEST_CONFIG)
  const architecture = plainName(objectOf(parseJson(text)?.config).name ?? parseJson(text)?.class_name)
  return {
    format: 'keras',
    ...(architecture !== undefined && { architecture }),
    ...(LAMBDA.test(text.toString('latin1')) && { hazard: LAMBDA_HAZARD }),
  }
}

/** Keras' layer that holds a Python function, as bytecode. */
export const LAMBDA = /"class_name":\s*"(?:Lambda|__lambda__)"/
export const LAMBDA_HAZARD = 'it has a Lambda layer, which holds Python code'
