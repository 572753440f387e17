import { readdir, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join, relative } from 'node:path'
import {
  BallastError,
  type CallOptions,
  explainSystemError,
  fileContent,
  isBallastError,
  isSystemError,
  systemCode,
} from '../core/index.ts'
import { randomAccess } from '../formats/index.ts'
import { type ClosableSpool, createSpool, type FileScan, scanFile } from '../scan/index.ts'
import type { ScannedTarget } from './scan.ts'
import { reportOf } from './scan-version.ts'

/**
 * A file, or all files of a directory. What cannot be read is judged unreadable, and the others are looked at all the same. Throws
 * NOT_FOUND for a path that is not there, DISK where the machine has no room or no more open files for the scan itself.
 */
export async function scanPath(path: string, { signal }: CallOptions = {}): Promise<ScannedTarget> {
  const spool = createSpool(tmpdir())
  try {
    const files: FileScan[] = []
    for (const found of await filesBelow(path)) {
      const name = relative(path, found.path) || basename(path)
      files.push(
        'failure' in found
          ? unread(name, found.path, found.failure)
          : await scanFound(name, found.path, { spool, signal }),
      )
    }
    const { verdict } = reportOf(files)
    return { target: path, verdict, files }
  } catch (error) {
    throw explainSystemError(error)
  } finally {
    await spool.close()
  }
}

async function scanFound(
  name: string,
  path: string,
  options: { readonly spool: ClosableSpool; readonly signal: AbortSignal | undefined },
): Promise<FileScan> {
  try {
    return await scanFile(randomAccess(name, fileContent(path, (await stat(path)).size)), options)
  } catch (error) {
    if (!isFailureOf(path, error)) throw error
    return unread(name, path, error)
  }
}

/** The scan's own files fail under their own names. */
function isFailureOf(path: string, error: unknown): boolean {
  const code = systemCode(error)
  if (code === undefined || isBallastError(error) || OF_THE_MACHINE.includes(code)) return false
  const { path: of, syscall } = error as NodeJS.ErrnoException
  return of === path || (of === undefined && syscall === 'read')
}

/** The next file would fail by it, too. */
const OF_THE_MACHINE: readonly string[] = ['EMFILE', 'ENFILE', 'ENOMEM']

function unread(name: string, path: string, failure: unknown): FileScan {
  const explained = explainSystemError(failure)
  const why = explained instanceof Error ? explained.message.replace(`${path}: `, '') : String(explained)
  const what = `it cannot be read: ${why}`
  return {
    path: name,
    format: 'unread',
    verdict: 'unreadable',
    findings: [{ rule: 'unread', verdict: 'unreadable', what }],
  }
}

type Found = { readonly path: string } | { readonly path: string; readonly failure: unknown }

/** Files, and what cannot be listed or looked up. */
async function filesBelow(path: string): Promise<readonly Found[]> {
  try {
    const found = await stat(path)
    return found.isDirectory() ? await filesIn(path) : [{ path }]
  } catch (failure) {
    if (isSystemError(failure, 'ENOENT')) {
      throw new BallastError('NOT_FOUND', `${path}: no such file or directory`, {
        hint: 'name a file, a directory, or a model of the store: `ballast list` shows them',
      })
    }
    if (!isFailureOf(path, failure)) throw failure
    return [{ path, failure }]
  }
}

async function filesIn(directory: string): Promise<readonly Found[]> {
  const files: Found[] = []
  const entries = await readdir(directory, { withFileTypes: true }).catch((failure: unknown) => {
    if (!isFailureOf(directory, failure)) throw failure
    files.push({ path: directory, failure })
    return []
  })
  for (const entry of entries) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) files.push(...(await filesIn(path)))
    // Caches of hubs consist of links to files.
    else if (entry.isSymbolicLink()) files.push(...(await linked(path)))
    else if (entry.isFile()) files.push({ path })
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** A link that leads nowhere has nothing that a loader could read; one behind a closed door may. */
async function linked(path: string): Promise<readonly Found[]> {
  try {
    return (await stat(path)).isFile() ? [{ path }] : []
  } catch (failure) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(systemCode(failure) ?? '')) return []
    if (!isFailureOf(path, failure)) throw failure
    return [{ path, failure }]
  }
}
