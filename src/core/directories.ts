import { chmod, mkdir, open } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { isSystemError } from './errors.ts'

/** Makes a rename or link in the directory survive a loss of power. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } catch (error) {
    if (!isSystemError(error, 'EINVAL', 'ENOTSUP', 'EISDIR')) throw error
  } finally {
    await handle.close()
  }
}

/**
 * Like `mkdir -p`, and durable: every directory that had to be made is synced into its parent. With `mode` each of
 * them has exactly that, whatever the umask.
 */
export async function makeDirectory(path: string, mode?: number): Promise<void> {
  const made = await mkdir(path, { recursive: true })
  if (made === undefined) return
  const top = dirname(resolve(made))
  for (let at = resolve(path); at !== top; at = dirname(at)) {
    if (mode !== undefined) await chmod(at, mode)
    await syncDirectory(dirname(at))
  }
}
