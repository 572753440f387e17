import type { Stats } from 'node:fs'
import { lstat, open, readdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { BallastError, CHUNK_SIZE, explainSystemError, isSystemError } from '../core/index.ts'
import { checkFilePath } from '../model/index.ts'

/** A file that is to become part of a model. `path` is its path in the model; `size` in bytes. */
export interface SourceFile {
  readonly path: string
  readonly size: number
  /** The bytes, once; throws REFUSED when the file changes meanwhile, DISK when it cannot be read. */
  read(): AsyncIterable<Uint8Array>
}

export interface Scan {
  readonly files: readonly SourceFile[]
  /** What was left out, for people. */
  readonly skipped: readonly string[]
}

/**
 * The files below the given files and directories: a file under its own name, a directory's files under their paths
 * in it. Symlinks are followed while they stay inside the source, or inside the hub cache that it is a snapshot of.
 *
 * Throws NOT_FOUND, DISK, and REFUSED for special files, links that lead out, unsafe names, or nothing at all.
 */
export async function scanLocalFiles(sources: readonly string[]): Promise<Scan> {
  const found: Found = { files: [], skipped: [] }
  for (const source of sources) await scanSource(source, found)
  if (found.files.length > 0) return found
  throw new BallastError('REFUSED', `no files in ${sources.join(', ')}`, {
    hint: 'name the files of the model, or the directory that holds them',
  })
}

interface Found {
  readonly files: SourceFile[]
  readonly skipped: string[]
}

interface Walk extends Found {
  /** Links may lead to anything below this directory. */
  readonly inside: string
}

async function scanSource(source: string, found: Found): Promise<void> {
  try {
    const info = await stat(source)
    const real = await realpath(source)
    if (!info.isDirectory())
      return await addFile({ ...found, inside: dirname(real) }, { path: basename(source), file: real, info })
    await walk({ ...found, inside: hubCacheOf(real) ?? real }, { directory: real, prefix: '', above: [] })
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
  /** Real paths of the directories above, by which a link that leads back up is noticed. */
  readonly above: readonly string[]
}

async function walk(scan: Walk, { directory, prefix, above }: Place): Promise<void> {
  const names = (await readdir(directory)).sort()
  if (names.length === 0) scan.skipped.push(`${prefix === '' ? directory : prefix}: an empty directory`)
  for (const name of names) {
    const path = checkFilePath(`${prefix}${name}`)
    const file = join(directory, name)
    const target = (await lstat(file)).isSymbolicLink() ? await followLink(scan, { path, file }) : file
    const info = await stat(target)
    if (!info.isDirectory()) await addFile(scan, { path, file: target, info })
    else if ([...above, directory].includes(target))
      throw linkError(path, 'leads back to a directory above it')
    else await walk(scan, { directory: target, prefix: `${path}/`, above: [...above, directory] })
  }
}

async function followLink(scan: Walk, { path, file }: { path: string; file: string }): Promise<string> {
  const target = await realpath(file).catch((error: unknown) => {
    throw isSystemError(error, 'ENOENT', 'ELOOP', 'ENOTDIR') ? linkError(path, 'leads nowhere') : error
  })
  const way = relative(scan.inside, target)
  if (way === '..' || way.startsWith(`..${sep}`))
    throw linkError(path, `leads out of the source, to ${target}`)
  return target
}

async function addFile(
  { files }: Walk,
  { path, file, info }: { path: string; file: string; info: Stats },
): Promise<void> {
  if (!info.isFile()) {
    throw new BallastError('REFUSED', `${path} is not a regular file`, {
      hint: 'a model is made of files; remove the device, socket or pipe, or name the files one by one',
    })
  }
  files.push({ path: checkFilePath(path), size: info.size, read: () => readUnchanged(file) })
}

async function* readUnchanged(path: string): AsyncIterable<Uint8Array> {
  try {
    const handle = await open(path, 'r')
    try {
      const before = await handle.stat({ bigint: true })
      let spare = Buffer.allocUnsafe(CHUNK_SIZE)
      for (;;) {
        const { bytesRead } = await handle.read(spare, 0, CHUNK_SIZE)
        if (bytesRead === 0) break
        yield spare.subarray(0, bytesRead)
        spare = Buffer.allocUnsafe(CHUNK_SIZE)
      }
      const after = await handle.stat({ bigint: true })
      if (before.size === after.size && before.mtimeNs === after.mtimeNs) return
      throw new BallastError('REFUSED', `${path} changed while it was read`, {
        hint: 'wait until it is written completely, then run the command again',
        retryable: true,
      })
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw explainSystemError(error)
  }
}

/** `…/models--ORG--NAME` for a directory below its `snapshots/` (huggingface_hub, "manage-cache"). */
function hubCacheOf(directory: string): string | undefined {
  return /^(.*[/\\]models--[^/\\]+)[/\\]snapshots[/\\].+$/.exec(directory)?.[1]
}

function linkError(path: string, why: string): BallastError {
  return new BallastError('REFUSED', `the symbolic link ${path} ${why}`, {
    hint: 'copy the file to where the link stands, or add the directory that holds both',
  })
}
