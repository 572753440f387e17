import type { BigIntStats } from 'node:fs'
import { lstat, open, readdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import {
  BallastError,
  type ByteSource,
  explainSystemError,
  fileSource,
  isPresent,
  isSystemError,
  named,
} from '../core/index.ts'
import { checkFilePath, isDvcFile, OWN_DIRECTORY } from '../model/index.ts'
import { dvcProjectOf } from './dvc-project.ts'
import { type FileState, stateOf } from './file-state.ts'
import { type PathFilter, pathFilter } from './patterns.ts'

/** A file that is to become part of a model. `path` is its path in the model; `size` in bytes. */
export interface SourceFile {
  readonly path: string
  readonly size: number
  /** Where it stands, links resolved. */
  readonly place: string
  /** Whether it was found through a symbolic link. */
  readonly isLinked: boolean
  /** What it was when it was found, to tell whether it is still the same. */
  readonly state: FileState
  /** Throws DISK when it cannot be read. */
  open(): Promise<OpenedSource>
}

/** Its bytes, once. Reading the end throws REFUSED when the file has changed since it was opened. */
export interface OpenedSource extends ByteSource {
  close(): Promise<void>
}

export interface Scan {
  readonly files: readonly SourceFile[]
  /** What was left out, for people. */
  readonly skipped: readonly string[]
}

/**
 * The files below the given files and directories: a file under its own name, a directory's files under their paths
 * in it. Symlinks are followed while they stay inside the source, or lead into the cache of the hub or of DVC that it was
 * linked from.
 *
 * Throws NOT_FOUND, DISK, and REFUSED for special files, links that lead out, unsafe names, files of DVC whose model is not
 * there, or nothing at all.
 */
export async function scanLocalFiles(
  sources: readonly string[],
  { skipOwn = false, filter = EVERYTHING }: ScanOptions = {},
): Promise<Scan> {
  const found: Found = { files: [], skipped: [], skipOwn, filter }
  for (const source of sources) await scanSource(source, found)
  if (found.files.length > 0) return found
  const wanted = filter === EVERYTHING ? '' : ' that the patterns leave'
  throw new BallastError('REFUSED', `no files in ${sources.join(', ')}${wanted}`, {
    hint: 'name the files of the model, or the directory that holds them',
  })
}

const EVERYTHING = pathFilter({})

export interface ScanOptions {
  /** Leave out what Ballast itself wrote beside a model that it delivered; otherwise that is refused. */
  readonly skipOwn?: boolean
  /** Nothing is said of what is not wanted, and nothing in it is refused. */
  readonly filter?: PathFilter | undefined
}

interface Found {
  readonly skipOwn: boolean
  readonly filter: PathFilter
  readonly files: SourceFile[]
  readonly skipped: string[]
}

interface Walk extends Found {
  /** Links may lead to anything below these directories. */
  readonly inside: readonly string[]
}

async function scanSource(source: string, found: Found): Promise<void> {
  try {
    const info = await stat(source, { bigint: true })
    const real = await realpath(source)
    const isLinked = (await lstat(source)).isSymbolicLink()
    if (!info.isDirectory())
      return addFile(
        { ...found, inside: [dirname(real)] },
        { path: basename(source), file: real, isLinked, info },
      )
    const project = await dvcProjectOf(real)
    const inside = [hubCacheOf(real) ?? real, ...(project === undefined ? [] : [project.cache])]
    const before = found.files.length
    await walk({ ...found, inside }, { directory: real, prefix: '', isLinked, above: [] })
    if (project !== undefined) await refuseAbsentOuts(found.files.slice(before))
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) {
      throw new BallastError('NOT_FOUND', `${source}: no such file or directory`, {
        cause: error,
        hint: `paths are relative to ${resolve('.')}`,
      })
    }
    throw explainSystemError(error)
  }
}

interface Place {
  readonly directory: string
  readonly prefix: string
  readonly isLinked: boolean
  /** Real paths of the directories above, by which a link that leads back up is noticed. */
  readonly above: readonly string[]
}

async function walk(scan: Walk, { directory, prefix, above, ...place }: Place): Promise<void> {
  const names = (await readdir(directory)).sort()
  if (names.length === 0) scan.skipped.push(`${prefix === '' ? directory : prefix}: an empty directory`)
  for (const name of names) {
    if (scan.skipOwn && prefix === '' && name === OWN_DIRECTORY) continue
    const path = `${prefix}${name}`
    if (scan.filter.leavesOut(path)) continue
    const isWanted = scan.filter.takes(path)
    if (isWanted) checkFilePath(path)
    const file = join(directory, name)
    const found = await lstat(file)
    const isLink = found.isSymbolicLink()
    // What is wanted may be below a directory, or below one that the link leads to.
    if (!isWanted && !found.isDirectory() && !(isLink && (await isDirectory(file)))) continue
    checkFilePath(path)
    const target = isLink ? await followLink(scan, { path, file }) : file
    const info = await stat(target, { bigint: true })
    const isLinked = isLink || place.isLinked
    if (!info.isDirectory()) addFile(scan, { path, file: target, isLinked, info })
    else if ([...above, directory].includes(target))
      throw linkError(path, 'leads back to a directory above it')
    else await walk(scan, { directory: target, prefix: `${path}/`, isLinked, above: [...above, directory] })
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true
}

async function followLink(scan: Walk, { path, file }: { path: string; file: string }): Promise<string> {
  const target = await realpath(file).catch((error: unknown) => {
    throw isSystemError(error, 'ENOENT', 'ELOOP', 'ENOTDIR') ? linkError(path, 'leads nowhere') : error
  })
  const leadsOut = scan.inside.every((directory) => {
    const way = relative(directory, target)
    return way === '..' || way.startsWith(`..${sep}`)
  })
  if (leadsOut) throw linkError(path, `leads out of the source, to ${target}`)
  return target
}

function addFile(
  { files }: Walk,
  {
    path,
    file,
    isLinked,
    info,
  }: {
    readonly path: string
    readonly file: string
    readonly isLinked: boolean
    readonly info: BigIntStats
  },
): void {
  if (!info.isFile()) {
    throw new BallastError('REFUSED', `${path} is not a regular file`, {
      hint: 'a model is made of files; remove the device, socket or pipe, or name the files one by one',
    })
  }
  files.push({
    path: checkFilePath(path),
    size: Number(info.size),
    place: file,
    isLinked,
    state: stateOf(info),
    open: () => openUnchanged(file),
  })
}

/** Throws DISK when it cannot be read. */
export async function openUnchanged(path: string): Promise<OpenedSource> {
  const handle = await explained(open(path, 'r'))
  const source = fileSource(handle)
  const before = await explained(named(path, () => handle.stat({ bigint: true }))).catch(
    async (error: unknown) => {
      await handle.close()
      throw error
    },
  )
  return {
    async read(into) {
      const length = await explained(named(path, () => source.read(into)))
      if (length > 0) return length
      const after = await explained(named(path, () => handle.stat({ bigint: true })))
      if (before.size === after.size && before.mtimeNs === after.mtimeNs) return 0
      throw new BallastError('REFUSED', `${path} changed while it was read`, {
        hint: 'wait until it is written completely, then run the command again',
        retryable: true,
      })
    },
    close: () => handle.close(),
  }
}

async function explained<T>(call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    throw explainSystemError(error)
  }
}

/** `…/models--ORG--NAME` for a directory below its `snapshots/` (huggingface_hub, "manage-cache"). */
function hubCacheOf(directory: string): string | undefined {
  return /^(.*[/\\]models--[^/\\]+)[/\\]snapshots[/\\].+$/.exec(directory)?.[1]
}

/** Git has brought the files of DVC and not what they stand for: the version would be without its weights. */
async function refuseAbsentOuts(files: readonly SourceFile[]): Promise<void> {
  for (const { path, place } of files.filter((file) => isDvcFile(file.path))) {
    const out = place.replace(/\.dvc$/, '')
    if (await isPresent(out)) continue
    throw new BallastError('REFUSED', `${path} stands for ${basename(out)}, which is not in the workspace`, {
      hint: `run \`dvc pull\`, name ${path} itself, or leave it out: --exclude '*.dvc'`,
    })
  }
}

function linkError(path: string, why: string): BallastError {
  return new BallastError('REFUSED', `the symbolic link ${path} ${why}`, {
    hint: 'copy the file to where the link stands, or add the directory that holds both',
  })
}
