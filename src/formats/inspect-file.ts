import { inspectArchive } from './archives.ts'
import { compressionOf, decompressedHead } from './compressed.ts'
import type { FileFacts } from './facts.ts'
import { inspectGguf } from './gguf.ts'
import { inspectHdf5 } from './hdf5.ts'
import { inspectJson } from './json-files.ts'
import { inspectNumpy } from './numpy.ts'
import { inspectOnnx } from './onnx.ts'
import { isPickled, pickleFlavour } from './pickle.ts'
import { Malformed, type RandomAccess, TooLarge } from './random-access.ts'
import { inspectSafetensors } from './safetensors.ts'
import { inspectSavedModel } from './tensorflow.ts'

/** Enough to tell every format, and joblib from other pickles in most cases. */
const HEAD_SIZE = 64 * 1024

type Inspect = (source: RandomAccess, head: Buffer) => Promise<FileFacts | undefined>

/** In this order: those with a signature first, those that can only be told by their whole form last. */
const INSPECTORS: readonly Inspect[] = [
  async (_source, head) => lfsPointer(head),
  inspectGguf,
  inspectHdf5,
  inspectNumpy,
  inspectArchive,
  async (source, head) => inspectPickle(source, head),
  async (_source, head) => (head.toString('latin1', 4, 8) === 'TFL3' ? { format: 'tflite' } : undefined),
  inspectSafetensors,
  inspectSavedModel,
  inspectOnnx,
  inspectJson,
]

/**
 * What a file is by its content; its name only decides where content leaves it open. Reads headers, never weights.
 * What a file cannot keep of what it begins like is a remark, never an error; errors are those of reading.
 */
export async function inspectFile(source: RandomAccess): Promise<FileFacts> {
  const head = Buffer.from(await source.read(0, Math.min(HEAD_SIZE, source.size)))
  const remarks: string[] = []
  for (const inspect of INSPECTORS) {
    try {
      const facts = await inspect(source, head)
      if (facts !== undefined)
        return remarks.length === 0 ? facts : { ...facts, remarks: [...remarks, ...(facts.remarks ?? [])] }
    } catch (error) {
      if (!(error instanceof Malformed || error instanceof TooLarge)) throw error
      remarks.push(`it begins like a model, but ${error.message}`)
    }
  }
  const misnamed = MODEL_NAMES.exec(source.path)?.[1]
  if (remarks.length === 0 && misnamed !== undefined) {
    remarks.push(`its name says ${misnamed.toLowerCase()}, its content does not`)
  }
  return { format: 'plain', ...(remarks.length > 0 && { remarks }) }
}

/** Names of formats that are always told by their content. */
const MODEL_NAMES = /\.(safetensors|gguf|onnx|keras|npy)$/i

/** A checkout without the files themselves leaves these in their places. */
export function isLfsPointer(head: Buffer): boolean {
  return head.toString('latin1', 0, 64).startsWith('version https://git-lfs.github.com/spec/')
}

function lfsPointer(head: Buffer): FileFacts | undefined {
  if (!isLfsPointer(head)) return undefined
  return { format: 'lfs-pointer', remarks: ['it is a pointer of Git LFS: the file itself was not fetched'] }
}

const PICKLE_HAZARD = 'it is a pickle'
const PICKLE_NAME = /\.(?:pkl|pickle|joblib|dill)$/i

function inspectPickle({ path }: RandomAccess, head: Buffer): FileFacts | undefined {
  const isJoblibName = /\.joblib$/i.test(path)
  if (isPickled(head)) {
    const flavour = pickleFlavour(head)
    return { format: flavour === 'pickle' && isJoblibName ? 'joblib' : flavour, hazard: PICKLE_HAZARD }
  }
  const compression = compressionOf(head)
  const inside = compression && decompressedHead(head, compression)
  if (inside !== undefined && isPickled(inside)) {
    const flavour = pickleFlavour(inside)
    return { format: flavour === 'pickle' && isJoblibName ? 'joblib' : flavour, hazard: PICKLE_HAZARD }
  }
  if (!PICKLE_NAME.test(path)) return undefined
  // Compressed in a way that is not read here, or nothing known at all: loaders open it all the same.
  if (compression !== undefined) {
    return { format: isJoblibName ? 'joblib' : 'pickle', hazard: PICKLE_HAZARD }
  }
  return { format: 'plain', hazard: 'its name says that it is a pickle' }
}
