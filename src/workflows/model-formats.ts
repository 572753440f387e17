import { BallastError } from '../core/index.ts'
import { editDistance } from './edit-distance.ts'

/** What a model file can be found to be, by its head or by the scan: the names that a policy may allow. */
export const MODEL_FORMATS: readonly string[] = [
  'safetensors',
  'gguf',
  'onnx',
  'tflite',
  'tensorflow-saved-model',
  'tensorflow-graph',
  'keras',
  'keras-hdf5',
  'hdf5',
  'numpy',
  'torch',
  'torch-legacy',
  'torchscript',
  'torch-archive',
  'joblib',
  'pickle',
  'zip',
  'tar',
  'compressed',
]

/** Throws USAGE for the first name that no file is ever found to be: a policy with it would refuse what it was meant to allow. */
export function requireKnownFormats(formats: readonly string[], what: string): void {
  const unknown = formats.find((format) => !MODEL_FORMATS.includes(format))
  if (unknown === undefined) return
  const near = MODEL_FORMATS.filter((known) => isNear(unknown, known))
  throw new BallastError(
    'USAGE',
    `${what}: requires.formats has ${unknown}, which is no format that is known`,
    {
      hint: near.length > 0 ? `did you mean ${near.join(' or ')}?` : `there are ${MODEL_FORMATS.join(', ')}`,
    },
  )
}

function isNear(written: string, known: string): boolean {
  if (written.length > 2 && (written.includes(known) || known.includes(written))) return true
  return editDistance(written, known) <= (known.length > 3 ? Math.max(2, Math.floor(known.length / 3)) : 1)
}
