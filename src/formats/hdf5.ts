import { LAMBDA, LAMBDA_HAZARD } from './archives.ts'
import type { FileFacts } from './facts.ts'
import { type RandomAccess, readExactly } from './random-access.ts'

const SIGNATURE = Buffer.from('\x89HDF\r\n\x1a\n', 'latin1')
/** Where Keras' own attributes usually are; to find them for certain, the whole of HDF5 would have to be read. */
const LOOKED_AT = 1024 * 1024

/** An HDF5 file, and whether Keras wrote it. Undefined for anything else. */
export async function inspectHdf5(source: RandomAccess, head: Buffer): Promise<FileFacts | undefined> {
  if (!head.subarray(0, SIGNATURE.length).equals(SIGNATURE)) return undefined
  const first = await readExactly(source, 0, Math.min(LOOKED_AT, source.size))
  const lastSize = Math.min(LOOKED_AT, source.size - first.length)
  const last = await readExactly(source, source.size - lastSize, lastSize)
  const parts = [first, last].map((bytes) => bytes.toString('latin1'))
  const isKeras = parts.some((text) => /keras_version|layer_names|_layer_checkpoint_dependencies/.test(text))
  if (!isKeras) return { format: 'hdf5' }
  return {
    format: 'keras-hdf5',
    ...(parts.some((text) => LAMBDA.test(text)) && { hazard: LAMBDA_HAZARD }),
    ...(source.size > 2 * LOOKED_AT && {
      remarks: ['Lambda layers were looked for in its first and last MiB only'],
    }),
  }
}
