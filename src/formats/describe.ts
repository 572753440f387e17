import { posix } from 'node:path'
import { compareBytes } from '../core/index.ts'
import type { DescribedFile, Description, ExternalFile } from './description.ts'
import { type FileFacts, type Format, precisionOf } from './facts.ts'

/** A file of a version and what was read off it; without facts it was not looked at. */
export interface InspectedFile {
  readonly path: string
  readonly size: number
  readonly facts: FileFacts | undefined
}

/** Grows whenever the same files would be described differently. */
export const DESCRIBER = 1
/** Files, hazards and files beside a model that a description names one by one. */
const MOST_NAMED = 1000

/** What a version is, from what its files are. Depends on nothing else, so that equal files have equal descriptions. */
export function describeFiles(inspected: readonly InspectedFile[]): Description {
  const sorted = [...inspected].sort((a, b) => compareBytes(a.path, b.path))
  const external = externalFilesOf(sorted)
  const files = withCompanions(sorted, external)
  const format = primaryFormat(files)
  const chosen = largestSets(files.filter((file) => file.facts?.format === format))
  const named = files.filter(isRemarkable).map(describedFile)
  const hazards = files.flatMap(({ path, facts }) => (facts?.hazard ? [{ path, why: facts.hazard }] : []))
  const architecture = architectureOf(chosen.files, files)
  return {
    describer: DESCRIBER,
    format,
    ...figuresOf(chosen.files),
    ...(architecture !== undefined && { architecture }),
    formats: countFormats(files),
    files: named.slice(0, MOST_NAMED),
    externalData: external.slice(0, MOST_NAMED),
    hazards: hazards.slice(0, MOST_NAMED),
    remarks: [
      ...chosen.remarks,
      ...missingShards(files),
      ...external
        .filter(({ present }) => !present)
        .map(({ path, neededBy }) => `${neededBy} needs ${path}, which is not among the files`),
      ...uninspected(files),
      ...(Math.max(named.length, hazards.length) > MOST_NAMED
        ? [`only the first ${MOST_NAMED} of ${Math.max(named.length, hazards.length)} files are named`]
        : []),
    ].slice(0, MOST_REMARKS),
  }
}

const MOST_REMARKS = 100

function describedFile({ path, facts }: InspectedFile): DescribedFile {
  const { format = 'plain', parameters, dtypes, remarks = [] } = facts ?? {}
  const precision = facts?.precision ?? precisionOf(dtypes)
  return {
    path,
    format,
    ...(precision !== undefined && { precision }),
    ...(parameters !== undefined && { parameters }),
    ...(remarks.length > 0 && { remarks }),
  }
}

function isRemarkable({ facts }: InspectedFile): boolean {
  return facts !== undefined && (facts.format !== 'plain' || facts.remarks !== undefined)
}

function externalFilesOf(files: readonly InspectedFile[]): readonly ExternalFile[] {
  const paths = new Set(files.map(({ path }) => path))
  return files.flatMap(({ path, facts }) =>
    (facts?.externalData ?? []).map((location) => {
      const beside = posix.isAbsolute(location) ? location : posix.join(posix.dirname(path), location)
      return { path: beside, neededBy: path, present: paths.has(beside) }
    }),
  )
}

/** Files that are nothing by themselves, and what they are to a model beside them. */
function withCompanions(
  files: readonly InspectedFile[],
  external: readonly ExternalFile[],
): readonly InspectedFile[] {
  const onnxData = new Set(external.map(({ path }) => path))
  const savedModels = files
    .filter(({ facts }) => facts?.format === 'tensorflow-saved-model')
    .map(({ path }) => posix.join(posix.dirname(path), 'variables/'))
  const companionOf = ({ path }: InspectedFile): Format | undefined => {
    if (onnxData.has(path)) return 'onnx-data'
    return savedModels.some((directory) => path.startsWith(directory)) ? 'tensorflow-variables' : undefined
  }
  return files.map((file) => {
    const format = file.facts?.format === 'plain' ? companionOf(file) : undefined
    return format === undefined ? file : { ...file, facts: { ...file.facts, format } }
  })
}

/** Under which format the bytes of another count. */
const PART_OF: Readonly<Partial<Record<Format, Format>>> = {
  'onnx-data': 'onnx',
  'tensorflow-variables': 'tensorflow-saved-model',
}

/** The format that most bytes are in, of those that are one. */
function primaryFormat(files: readonly InspectedFile[]): Format {
  const bytes = new Map<Format, number>()
  for (const { size, facts } of files) {
    if (facts === undefined || facts.format === 'plain') continue
    const format = PART_OF[facts.format] ?? facts.format
    bytes.set(format, (bytes.get(format) ?? 0) + size)
  }
  const [first] = [...bytes].sort(([a, m], [b, n]) => n - m || compareBytes(a, b))
  return first?.[0] ?? 'plain'
}

const SHARD = /-(\d{5,6})-of-(\d{5,6})(?=\.[^./]+$)/

/**
 * Files that are one model together: those of an index, or numbered `-00001-of-00003`. Of several models in one
 * directory the largest counts, since they are usually the same one at other precisions.
 */
function largestSets(files: readonly InspectedFile[]): {
  readonly files: readonly InspectedFile[]
  readonly remarks: readonly string[]
} {
  const chosen: InspectedFile[] = []
  const remarks: string[] = []
  for (const [directory, inDirectory] of groupBy(files, ({ path }) => posix.dirname(path))) {
    const sets = [...groupBy(inDirectory, ({ path }) => path.replace(SHARD, '')).values()]
    const [largest = []] = sets.sort((a, b) => weightOf(b) - weightOf(a))
    chosen.push(...largest)
    const place = directory === '.' ? '' : ` in ${directory}`
    if (sets.length > 1)
      remarks.push(
        `${sets.length} models side by side${place}: the figures are of the largest, ${largest[0]?.path}`,
      )
  }
  return { files: chosen, remarks }
}

function weightOf(files: readonly InspectedFile[]): number {
  return files.reduce((sum, { size, facts }) => sum + (facts?.parameters ?? size), 0)
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group === undefined) groups.set(keyOf(item), [item])
    else group.push(item)
  }
  return groups
}

function figuresOf(
  files: readonly InspectedFile[],
): Pick<Description, 'precision' | 'parameters' | 'dtypes'> {
  const dtypes: Record<string, number> = {}
  let parameters: number | undefined = 0
  const stated = new Set<string>()
  for (const { facts } of files) {
    if (facts?.precision !== undefined) stated.add(facts.precision)
    for (const [dtype, count] of Object.entries(facts?.dtypes ?? {}))
      dtypes[dtype] = (dtypes[dtype] ?? 0) + count
    parameters =
      facts?.parameters === undefined || parameters === undefined ? undefined : parameters + facts.parameters
  }
  if (files.length === 0) return {}
  const names = [...stated]
  const precision =
    names.length > 1 ? `mixed (${names.sort().slice(0, 3).join(', ')})` : (names[0] ?? precisionOf(dtypes))
  return {
    ...(precision !== undefined && { precision }),
    ...(parameters !== undefined && Number.isSafeInteger(parameters) && { parameters }),
    ...(Object.keys(dtypes).length > 0 && { dtypes }),
  }
}

/** What the weights state themselves, else the `config.json` beside them, else the one at the top. */
function architectureOf(
  chosen: readonly InspectedFile[],
  files: readonly InspectedFile[],
): string | undefined {
  const own = chosen.find(({ facts }) => facts?.architecture !== undefined)
  if (own !== undefined) return own.facts?.architecture
  const beside = posix.join(posix.dirname(chosen[0]?.path ?? ''), 'config.json')
  const configs = [beside, 'config.json'].map((path) => files.find((file) => file.path === path))
  return configs.find((file) => file?.facts?.architecture !== undefined)?.facts?.architecture
}

function countFormats(files: readonly InspectedFile[]): Description['formats'] {
  const formats: Record<string, { files: number; bytes: number }> = {}
  for (const { size, facts } of files) {
    const name = facts?.format ?? 'not looked at'
    const known = formats[name] ?? { files: 0, bytes: 0 }
    formats[name] = { files: known.files + 1, bytes: known.bytes + size }
  }
  return Object.fromEntries(Object.entries(formats).sort(([a], [b]) => compareBytes(a, b)))
}

function missingShards(files: readonly InspectedFile[]): readonly string[] {
  const paths = new Set(files.map(({ path }) => path))
  return files.flatMap(({ path, facts }) => {
    const shards = (facts?.shards ?? []).map((shard) => posix.join(posix.dirname(path), shard))
    const missing = shards.filter((shard) => !paths.has(shard))
    if (missing.length === 0) return []
    return [`${path} lists ${shards.length} files, of which ${missing.length} are not here: ${missing[0]}`]
  })
}

function uninspected(files: readonly InspectedFile[]): readonly string[] {
  const count = files.filter(({ facts }) => facts === undefined).length
  return count === 0 ? [] : [`${count} of ${files.length} files were not looked at`]
}
