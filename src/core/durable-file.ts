import { chmod, type FileHandle, link, open, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { temporaryName } from './abandoned.ts'
import { syncDirectory } from './directories.ts'
import { isSystemError, named, systemCode } from './errors.ts'

export interface DurableOptions {
  /** Exactly this, whatever the umask; without it, what the umask leaves of 0666. */
  readonly mode?: number | undefined
  /** Whose it is to be: of root alone, since nobody else can give files away. The process's own by default. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined
  /** Where the temporary file stands: a directory of the same file system. The target's own by default. */
  readonly temporaryDirectory?: string
}

/**
 * Writes a file so that, whatever happens, the path holds the former content or the new one, whole:
 * temporary name, fsync, rename, fsync of the directory.
 */
export async function writeFileDurably(
  path: string,
  data: Uint8Array | string,
  options: DurableOptions = {},
): Promise<void> {
  const temporary = temporaryPath(path, options)
  try {
    await writeSynced(temporary, data, options)
    await rename(temporary, path)
  } catch (error) {
    await discard(temporary)
    throw error
  }
  await syncDirectory(dirname(path))
}

/**
 * Writes a file that readers find whole, or as it was before, but a loss of power may tear: for what tells by itself whether it is
 * whole, and can be worked out again.
 */
export async function replaceFile(
  path: string,
  data: Uint8Array | string,
  { mode, ...options }: Omit<DurableOptions, 'owner'> = {},
): Promise<void> {
  const temporary = temporaryPath(path, options)
  try {
    await writeFile(temporary, data, { flag: 'wx' })
    if (mode !== undefined) await chmod(temporary, mode)
    await rename(temporary, path)
  } catch (error) {
    await discard(temporary)
    throw error
  }
}

/** Like `writeFileDurably`, but never replaces: false, and nothing written, when the path exists already. */
export async function createFileDurably(
  path: string,
  data: Uint8Array | string,
  options: DurableOptions = {},
): Promise<boolean> {
  const temporary = temporaryPath(path, options)
  try {
    await writeSynced(temporary, data, options)
    await link(temporary, path)
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) return false
    throw error
  } finally {
    await discard(temporary)
  }
  await syncDirectory(dirname(path))
  return true
}

/**
 * Removes what has served its turn. That it cannot be removed must not hide what went wrong before, nor make a failure
 * of what went well: it is swept away later, as what killed processes leave behind.
 */
export async function discard(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch((error: unknown) => {
    if (systemCode(error) === undefined) throw error
  })
}

/**
 * In bytes. Larger writes make the kernel look for large pages, which on virtual machines are often not backed by memory
 * yet: pieces of 2 MiB took three times as long.
 */
const LARGEST_WRITE = 512 * 1024

/**
 * Writes the whole of `data`, from `position` on or where the handle stands; a short write is continued, never taken
 * for success.
 */
export async function writeFully(handle: FileHandle, data: Uint8Array, position?: number): Promise<void> {
  for (let done = 0; done < data.length; ) {
    const at = position === undefined ? null : position + done
    const length = Math.min(data.length - done, LARGEST_WRITE)
    const { bytesWritten } = await handle.write(data, done, length, at)
    done += bytesWritten
  }
}

async function writeSynced(
  path: string,
  data: Uint8Array | string,
  { mode, owner }: DurableOptions,
): Promise<void> {
  const handle = await open(path, 'wx', mode ?? 0o666)
  try {
    await named(path, async () => {
      // First, because it takes special bits of the mode away.
      if (owner !== undefined) await handle.chown(owner.uid, owner.gid)
      if (mode !== undefined) await handle.chmod(mode)
      await handle.writeFile(data)
      await handle.sync()
    })
  } finally {
    await handle.close()
  }
}

function temporaryPath(path: string, options: DurableOptions): string {
  return join(options.temporaryDirectory ?? dirname(path), temporaryName())
}
