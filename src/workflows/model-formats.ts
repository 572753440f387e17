import { BallastError } from '../core/index.ts'

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
  return editsBetween(written, known) <= (known.length > 3 ? Math.max(2, Math.floor(known.length / 3)) : 1)
}

/** Letters to add, take away or replace. */
function editsBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (const [at, letter] of [...a].entries()) {
    const next = [at + 1]
    for (const [to, other] of [...b].entries()) {
      const replaced = (row[to] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(replaced, (row[to + 1] ?? 0) + 1, (next[to] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
