import { posix } from 'node:path'
import { BallastError } from '../core/index.ts'
import { checkFilePath } from './file-path.ts'
import { arrayOf, objectOf, parseJsonValue } from './json.ts'
import { parseYaml } from './yaml.ts'

/** Whether an operand is the path of a file by which DVC keeps track of a model, `MODEL.dvc` or `dvc.lock:OUT`. */
export function isDvcFile(operand: string): boolean {
  return !operand.includes('://') && (/[^/]\.dvc$/.test(operand) || dvcLockOut(operand) !== undefined)
}

/** What a pipeline has made, as it is written: the file of its state, and the out as its path from there. */
export function dvcLockOut(operand: string): { readonly lock: string; readonly out: string } | undefined {
  const [, lock, out] = /^((?:.*\/)?dvc\.lock):(.+)$/.exec(operand) ?? []
  return lock === undefined || out === undefined
    ? undefined
    : { lock, out: posix.normalize(out).replace(/\/$/, '') }
}

/** What a file `….dvc` names: a file, or a directory. */
export interface DvcOut {
  /** Relative to the directory of the `.dvc` file, and not above it. */
  readonly path: string
  readonly md5: string
  readonly isDirectory: boolean
  /** In bytes, of a file. */
  readonly size: number | undefined
  /** Whether DVC 2 or older has written it, whose MD5 is that of text with the line ends of Unix. */
  readonly isLegacy: boolean
}

/** Throws USAGE for what is no such file, or names what has no MD5, and REFUSED for a path that leads out. */
export async function parseDvcFile(text: string, file: string): Promise<readonly DvcOut[]> {
  const { outs, wdir = '.' } = objectOf((await parseYaml(text, file)).value)
  const found = arrayOf(outs).map((out) => parseOut(objectOf(out), { wdir: `${wdir}`, file }))
  if (found.length > 0) return found
  throw new BallastError('USAGE', `${file} names no outs`, { hint: 'name a file that `dvc add` has written' })
}

/**
 * The out of that path in a `dvc.lock`, whose stages have directories of their own in `dvc.yaml` beside it. Throws USAGE where no
 * stage has it.
 */
export async function parseDvcLock(
  { lock, pipeline, out }: { readonly lock: string; readonly pipeline: string; readonly out: string },
  file: string,
): Promise<DvcOut> {
  const stages = objectOf(objectOf((await parseYaml(lock, file)).value).stages)
  const declared = objectOf(objectOf((await parseYaml(pipeline, 'dvc.yaml')).value).stages)
  const known: string[] = []
  for (const [name, stage] of Object.entries(stages)) {
    // What `foreach` and `matrix` make of one stage is called `name@item`.
    const { wdir = '.' } = objectOf(declared[name] ?? declared[name.replace(/@.*$/s, '')])
    for (const written of arrayOf(objectOf(stage).outs).map(objectOf)) {
      const path = posix.join(`${wdir}`, `${written.path}`)
      if (path === out) return parseOut(written, { wdir: `${wdir}`, file })
      known.push(path)
    }
  }
  throw new BallastError('USAGE', `${file} has no out ${JSON.stringify(out)}`, {
    hint: known.length === 0 ? 'run `dvc repro` first' : `it has ${known.slice(0, 5).join(', ')}`,
  })
}

function parseOut(
  { path, md5, size, hash }: Readonly<Record<string, unknown>>,
  { wdir, file }: { readonly wdir: string; readonly file: string },
): DvcOut {
  const [, hex, directory] = /^([0-9a-f]{32})(\.dir)?$/.exec(`${md5}`) ?? []
  if (typeof path !== 'string' || hex === undefined) {
    throw new BallastError('USAGE', `${file} names an out without path or md5`, {
      hint: 'run `dvc commit`; what DVC does not keep in its cache can be added by its own path',
    })
  }
  return {
    path: checkFilePath(posix.isAbsolute(path) ? path : posix.join(wdir, path)),
    md5: hex,
    isDirectory: directory !== undefined,
    size: typeof size === 'number' ? size : undefined,
    isLegacy: hash !== 'md5',
  }
}

export interface DvcEntry {
  /** In the directory. */
  readonly path: string
  readonly md5: string
}

/** The list of a directory's files as it lies in the cache. Throws DAMAGED for anything else, REFUSED for unsafe names. */
export function parseDvcDirectory(bytes: Uint8Array, what: string): readonly DvcEntry[] {
  const list = parseJsonValue(bytes)
  if (!Array.isArray(list)) throw new BallastError('DAMAGED', `${what} is no list of files`)
  return list.map((entry) => {
    const { md5, relpath } = objectOf(entry)
    if (typeof relpath === 'string' && /^[0-9a-f]{32}$/.test(`${md5}`))
      return { path: checkFilePath(relpath), md5: `${md5}` }
    throw new BallastError('DAMAGED', `${what} has an entry without relpath or md5`)
  })
}

/** `cache.dir` in a file `.dvc/config`; undefined where it says nothing of it. */
export function dvcCacheDirectory(config: string): string | undefined {
  let section = ''
  let found: string | undefined
  for (const line of config.split('\n').map((text) => text.trim())) {
    section = /^\[(.*)\]$/.exec(line)?.[1]?.trim() ?? section
    const [, value] = /^dir\s*=\s*(.+)$/.exec(line) ?? []
    if (section === 'cache' && value !== undefined) found = value.replace(/^(["'])(.*)\1$/, '$2')
  }
  return found
}
