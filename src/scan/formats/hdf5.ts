import type { RandomAccess } from '../../formats/index.ts'
import { type Context, report } from '../context.ts'
import { chunksOf } from '../sources.ts'
import type { ScanFormat } from '../verdict.ts'
import { lookOutside } from './hdf5-outside.ts'
import { judgeKerasText } from './keras.ts'

const SIGNATURE = Buffer.from('\x89HDF\r\n\x1a\n', 'latin1')
/** HDF5 looks for its signature at these places, and at every doubling. */
const FIRST_USER_BLOCK = 512
const OVERLAP = 64 * 1024

/**
 * HDF5, by the texts in it: Keras keeps its configuration there as JSON, which is never compressed. The file is read
 * whole, as the text may be anywhere.
 */
export async function scanHdf5(
  context: Context,
  source: RandomAccess,
  head: Buffer,
): Promise<ScanFormat | undefined> {
  if (!(await isHdf5(source, head))) return undefined
  let carried: Uint8Array = Buffer.alloc(0)
  let isKeras = false
  let isTables = false
  const outside = lookOutside(source)
  for await (const chunk of chunksOf(source, 0, source.size, 1024 * 1024)) {
    context.signal?.throwIfAborted()
    const bytes = Buffer.concat([carried, chunk])
    const text = bytes.toString('latin1')
    const file = await outside.find(bytes, text)
    if (file !== undefined) report(context, 'hostile', 'escape', `it reads from another file: ${file}`)
    isKeras ||= /keras_version|layer_names|_layer_checkpoint_dependencies|"class_name"/.test(text)
    isTables ||= text.includes('PYTABLES_FORMAT_VERSION')
    judgeKerasText(context, text)
    carried = bytes.subarray(-OVERLAP)
  }
  if (isTables)
    report(
      context,
      'unreadable',
      'unread',
      'it was written by PyTables, which keeps pickles that are not looked for',
    )
  return isKeras ? 'keras-hdf5' : 'hdf5'
}

async function isHdf5(source: RandomAccess, head: Buffer): Promise<boolean> {
  for (let at = 0; at + SIGNATURE.length <= source.size; at = at === 0 ? FIRST_USER_BLOCK : at * 2) {
    const isReady = at + SIGNATURE.length <= head.length
    const found = isReady ? head.subarray(at, at + SIGNATURE.length) : await source.read(at, SIGNATURE.length)
    if (SIGNATURE.equals(found)) return true
  }
  return false
}
