import { BallastError } from '../core/index.ts'
import type { ScanFormat } from '../scan/index.ts'
import { editDistance } from './edit-distance.ts'

/** Whether what is found to be such is a model; others are no models, or parts of one that count as it. */
const IS_MODEL: Readonly<Record<ScanFormat, boolean>> = {
  safetensors: true,
  gguf: true,
  onnx: true,
  'onnx-data': false,
  tflite: true,
  'tensorflow-saved-model': true,
  'tensorflow-variables': false,
  'tensorflow-graph': true,
  keras: true,
  'keras-hdf5': true,
  hdf5: true,
  numpy: true,
  torch: true,
  'torch-legacy': true,
  torchscript: true,
  'torch-archive': true,
  joblib: true,
  pickle: true,
  zip: true,
  tar: true,
  compressed: true,
  program: false,
  template: false,
  'lfs-pointer': false,
  plain: false,
  unread: false,
}

/** What a model file can be found to be, by its head or by the scan: the names that a policy may allow. */
export const MODEL_FORMATS: readonly string[] = Object.entries(IS_MODEL).flatMap(([format, isModel]) =>
  isModel ? [format] : [],
)

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
