import { type CallOptions, isBallastError } from '../core/index.ts'
import type { Version } from '../model/index.ts'
import type { FormatFact } from '../policy/index.ts'
import type { FileScan } from '../scan/index.ts'
import type { Store } from '../store/index.ts'
import { inspectVersion } from './inspect-version.ts'
import { scanVersion } from './scan-version.ts'

interface Content {
  readonly store: Store
  readonly version: Version
}

/** Files that are models by their content, one of each format; `unknown` for what passes itself off as one. */
export async function formatFacts(content: Content, options: CallOptions): Promise<readonly FormatFact[]> {
  const description = await inspectVersion(content.store, content.version, { ...options, all: true })
  const named = Object.keys(description.formats)
    .filter((format) => format !== 'plain')
    .map((format) => ({
      path: description.files.find((file) => file.format === format)?.path ?? 'a file',
      format: PART_OF[format] ?? format,
    }))
  const misnamed = description.files
    .filter(
      ({ format, remarks = [] }) =>
        format === 'plain' && remarks.some((remark) => /^its? (?:begins like|name says)/.test(remark)),
    )
    .map(({ path }) => ({ path, format: 'unknown' }))
  const told = new Set(description.files.flatMap(({ path, format }) => (format === 'plain' ? [] : path)))
  const pickled = description.hazards
    .filter(({ path }) => !told.has(path))
    .map(({ path }) => ({ path, format: 'pickle' }))
  const others = (await scanned(content, options)).filter(({ path }) => !told.has(path))
  return [...named, ...misnamed, ...pickled, ...others.flatMap(loadedFormat)]
}

/** Heads do not tell what lies behind others, or compressed: a loader finds it all the same, and so does the scanner. */
async function scanned({ store, version }: Content, options: CallOptions): Promise<readonly FileScan[]> {
  try {
    return (await scanVersion(store, version, options)).files
  } catch (error) {
    if (!isBallastError(error, 'NOT_FOUND') && !isBallastError(error, 'DAMAGED')) throw error
    const unread = (path: string): FileScan => ({
      path,
      format: 'unread',
      verdict: 'unreadable',
      findings: [],
    })
    return version.files.map(({ path }) => unread(path))
  }
}

/** None for texts and programs, which are no models, and for what no loader would take for one. */
function loadedFormat({ path, format, verdict, findings }: FileScan): readonly FormatFact[] {
  if (NO_MODELS.includes(format) || (verdict === 'clean' && !PICKLED.includes(format))) return []
  if (format !== 'plain') return [{ path, format }]
  return findings.some(({ rule }) => rule === 'malformed') ? [{ path, format: 'unknown' }] : []
}

const NO_MODELS: readonly string[] = ['program', 'template']
/** Harmless ones are pickles too. */
const PICKLED: readonly string[] = ['pickle', 'joblib', 'torch', 'torch-legacy']

/** Files that belong to a model of another format. */
const PART_OF: Readonly<Record<string, string>> = {
  'onnx-data': 'onnx',
  'tensorflow-variables': 'tensorflow-saved-model',
}
