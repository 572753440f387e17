import type { Description } from '../../formats/index.ts'
import { formatCount } from './text.ts'

const MOST_LINES = 5

/** `safetensors, BF16, 1.24 B parameters, llama`: as far as it is known; `plain files` where nothing is. */
export function formatSummary({
  format,
  precision,
  parameters,
  architecture,
}: Pick<Description, 'format' | 'precision' | 'parameters' | 'architecture'>): string {
  const known = [
    format === 'plain' ? 'plain files' : format,
    precision,
    parameters === undefined ? undefined : `${formatParameters(parameters)} parameters`,
    architecture,
  ]
  return known.filter((part) => part !== undefined).join(', ')
}

/** `7.24 B`, `124 M`, `1.5 k`, `37`: three significant digits, as models are spoken of. */
export function formatParameters(count: number): string {
  const steps = [
    ['T', 1e12],
    ['B', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const
  for (const [unit, size] of steps) {
    // 999,950 would be rounded to 1000 k.
    if (count < size * 0.9995) continue
    const digits = Number((count / size).toPrecision(3))
    return `${digits} ${unit}`
  }
  return `${count}`
}

/** What whoever uses the model should know, one line each; none where there is nothing. */
export function formatWarnings({ hazards, remarks, files }: Description): string {
  const ofFiles = files.flatMap(({ path, remarks: own = [] }) => own.map((remark) => `${path}: ${remark}`))
  const dangers = hazards.map(({ path, why }) => `${path}: loading it can run code, because ${why}`)
  return [limited(dangers, 'file'), limited([...remarks, ...ofFiles], 'remark')].join('')
}

/** The format of each file by its path, where the files are of more than one; else undefined. */
export function formatsOfFiles({ files }: Description): ((path: string) => string) | undefined {
  const byPath = new Map(
    files
      .filter(({ format }) => format !== 'plain')
      .map(({ path, format, precision }) => [
        path,
        precision === undefined ? format : `${format}, ${precision}`,
      ]),
  )
  return new Set(byPath.values()).size > 1 ? (path) => byPath.get(path) ?? '' : undefined
}

function limited(lines: readonly string[], noun: string): string {
  const shown = lines.slice(0, MOST_LINES).map((line) => `${line}\n`)
  const more = lines.length - shown.length
  return `${shown.join('')}${more > 0 ? `and ${formatCount(more, `more ${noun}`)}\n` : ''}`
}
