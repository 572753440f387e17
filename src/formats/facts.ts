/** What a file is by its content. */
export type Format =
  | 'safetensors'
  | 'gguf'
  | 'onnx'
  | 'onnx-data'
  | 'pickle'
  | 'joblib'
  | 'numpy'
  | 'torch'
  | 'torchscript'
  | 'torch-legacy'
  | 'torch-archive'
  | 'keras'
  | 'keras-hdf5'
  | 'hdf5'
  | 'tensorflow-saved-model'
  | 'tensorflow-variables'
  | 'tflite'
  | 'lfs-pointer'
  | 'plain'

/** What was read off one file. Absent means: not known. */
export interface FileFacts {
  readonly format: Format
  /** Parameters by data type, as the format counts them: `BF16`, `Q4_K`. */
  readonly dtypes?: Readonly<Record<string, number>>
  readonly parameters?: number
  /** Where the format states it (`Q4_K_M`); else it follows from `dtypes`. */
  readonly precision?: string
  readonly architecture?: string
  /** Files that an ONNX model needs beside it, as it names them, relative to its own directory. */
  readonly externalData?: readonly string[]
  /** The files that an index lists, relative to its own directory. */
  readonly shards?: readonly string[]
  /** What its header says of the model, by the format's own keys: `general.license`. */
  readonly told?: Readonly<Record<string, string>>
  /** Why loading it can run code. */
  readonly hazard?: string
  /** For people: what is wrong or was not looked at. */
  readonly remarks?: readonly string[]
}

/** Adds up parameters by data type. */
export interface Tally {
  add(dtype: string, count: bigint): void
  /** Nothing where a sum is beyond what a number holds exactly, as only a forged header has it. */
  facts(): Pick<FileFacts, 'dtypes' | 'parameters'>
}

export function createTally(): Tally {
  const counts = new Map<string, bigint>()
  return {
    add: (dtype, count) => void counts.set(dtype, (counts.get(dtype) ?? 0n) + count),
    facts() {
      const total = [...counts.values()].reduce((sum, count) => sum + count, 0n)
      if (total > BigInt(Number.MAX_SAFE_INTEGER)) return {}
      return { dtypes: dtypesOf(counts), parameters: Number(total) }
    },
  }
}

function dtypesOf(counts: ReadonlyMap<string, bigint>): Readonly<Record<string, number>> {
  const sorted = [...counts].sort(([a, m], [b, n]) => (m === n ? (a < b ? -1 : 1) : m > n ? -1 : 1))
  return Object.fromEntries(sorted.map(([dtype, count]) => [dtype, Number(count)]))
}

/** How much of a model one data type must hold for the model to be called by it. */
const DOMINANT = 0.9
const MOST_NAMED = 3

/** `BF16`, or `mixed (F16, F32)` where no data type holds nine tenths of the parameters. */
export function precisionOf(dtypes: Readonly<Record<string, number>> = {}): string | undefined {
  const counts = Object.entries(dtypes)
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a)
  const total = counts.reduce((sum, [, count]) => sum + count, 0)
  const [first] = counts
  if (first === undefined) return undefined
  if (first[1] >= total * DOMINANT) return first[0]
  return `mixed (${counts
    .slice(0, MOST_NAMED)
    .map(([dtype]) => dtype)
    .join(', ')})`
}

/** Texts of a header, as far as they are few and short enough to be about the model. */
export function toldBy(entries: Iterable<readonly [key: string, value: string]>): Pick<FileFacts, 'told'> {
  const told: Record<string, string> = {}
  for (const [key, value] of entries) {
    if (key.length > 100 || value.length > LONGEST_TOLD || !/^[\w. -]+$/.test(key)) continue
    told[key] = value
    if (Object.keys(told).length >= MOST_TOLD) break
  }
  return Object.keys(told).length === 0 ? {} : { told }
}

export const LONGEST_TOLD = 4096
const MOST_TOLD = 100

/** Names that a file states are shown to people and in terminals: plain ones only, undefined for anything else. */
export function plainName(value: unknown): string | undefined {
  return typeof value === 'string' && /^[\w.+ /-]{1,80}$/.test(value) ? value : undefined
}

/** Paths that a file names come into messages and documents. False for those that no file can have. */
export function isPlainPath(path: string): boolean {
  return path.length > 0 && path.length <= 4096 && !/[\u0000-\u001f\u007f-\u009f]/.test(path)
}
