import { constants } from 'node:fs'
import { open, readdir, realpath } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { isBallastError, isPresent } from '../core/index.ts'
import { lastTracked, parseYaml, type Training, trainingOfMlmodel } from '../model/index.ts'

export interface TrackedModel {
  readonly training: Training
  /** What was measured, by name: the last of each. */
  readonly figures: Readonly<Record<string, number>>
  /** When the last figure was measured, in milliseconds since 1970. */
  readonly time: number
}

/**
 * What MLflow tells of the model in a directory: by its file `MLmodel`, and by the run and the model that it kept track of,
 * where the directory still lies in its `mlruns`. Undefined for a directory, or file, of anything else: what is told
 * beside a model never keeps it from being added.
 */
export async function readMlflow(directory: string): Promise<TrackedModel | undefined> {
  const text = await readText(join(directory, 'MLmodel'))
  if (text === undefined) return undefined
  const training = trainingOfMlmodel(await yamlIn(text))
  if (training === undefined) return undefined
  const records = await recordsOf(await realpath(directory), training.run)
  const params = await eachFile(records, 'params', (value) => value.trim())
  const figures = await eachFile(records, 'metrics', lastTracked)
  const commit = await lastText(records, join('tags', 'mlflow.source.git.commit'))
  return {
    training: { ...training, commit, ...(params.length > 0 && { params: Object.fromEntries(params) }) },
    figures: Object.fromEntries(figures.map(([name, { value }]) => [name, value])),
    time: Math.max(0, ...figures.map(([, { time }]) => time)),
  }
}

/**
 * The directories with `params`, `metrics` and `tags`: that of the run, `mlruns/EXPERIMENT/RUN`, and from MLflow 3 on that of
 * the model, `mlruns/EXPERIMENT/models/MODEL`, which then counts. Either has the files of the model below `artifacts`.
 */
async function recordsOf(directory: string, run: string | undefined): Promise<readonly string[]> {
  let artifacts = directory
  while (basename(artifacts) !== 'artifacts') {
    if (dirname(artifacts) === artifacts) return []
    artifacts = dirname(artifacts)
  }
  const record = dirname(artifacts)
  if (!(await isPresent(join(record, 'meta.yaml')))) return []
  if (basename(dirname(record)) !== 'models') return [record]
  const ofRun = run !== undefined && /^[0-9a-f]{32}$/.test(run)
  return ofRun ? [join(dirname(dirname(record)), run), record] : [record]
}

/** More than people track; a document with them stays within what it may be. */
const MOST_FILES = 500
const LONGEST_NAME = 250

/** What can be read of the files below a directory of each record, by their paths in it; of one path the last. */
async function eachFile<T>(
  records: readonly string[],
  directory: string,
  read: (text: string) => T | undefined,
): Promise<readonly (readonly [name: string, value: T])[]> {
  const found = new Map<string, T>()
  for (const root of records.map((record) => join(record, directory))) {
    const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => [])
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
    for (const file of files.sort().slice(0, MOST_FILES)) {
      const name = relative(root, file)
      const value = name.length > LONGEST_NAME ? undefined : read((await readEnd(file)) ?? '')
      if (value !== undefined) found.set(name, value)
    }
  }
  return [...found]
}

async function lastText(records: readonly string[], path: string): Promise<string | undefined> {
  const texts = await Promise.all(records.map((record) => readEnd(join(record, path))))
  return texts.findLast((text) => text !== undefined)?.trim()
}

/** Of a file that is no longer than a description would be. */
const LARGEST_TEXT = 1024 * 1024
/** A file of metrics has a line for each step, of which the last ones count. */
const END = 1024

async function readText(path: string): Promise<string | undefined> {
  return readPart(path, { most: LARGEST_TEXT, whole: true })
}

async function readEnd(path: string): Promise<string | undefined> {
  return readPart(path, { most: END, whole: false })
}

/** The last bytes of a file; undefined where there is none, or more than that of one that is wanted whole. */
async function readPart(
  path: string,
  { most, whole }: { readonly most: number; readonly whole: boolean },
): Promise<string | undefined> {
  // A pipe in its place would be waited for.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => undefined)
  if (handle === undefined) return undefined
  try {
    const info = await handle.stat()
    if (!info.isFile() || (whole && info.size > most)) return undefined
    const length = Math.min(info.size, most)
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, info.size - length)
    const text = buffer.toString('utf8', 0, bytesRead)
    return info.size > length ? text.slice(text.indexOf('\n') + 1) : text
  } finally {
    await handle.close()
  }
}

async function yamlIn(text: string): Promise<unknown> {
  try {
    return (await parseYaml(text, 'MLmodel')).value
  } catch (error) {
    if (isBallastError(error, 'USAGE')) return undefined
    throw error
  }
}
