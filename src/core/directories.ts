import { mkdir, open } from 'node:fs/promises'
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

/** Like `mkdir -p`, and durable: every directory that had to be made is synced into its parent. */
export async function makeDirectory(path: string, mode = 0o777): Promise<void> {
  const made = await mkdir(path, { recursive: true, mode })
  if (made === undefined) return
  const top = dirname(resolve(made))
  for (let parent = dirname(resolve(path)); ; parent = dirname(parent)) {
    await syncDirectory(parent)
    if (parent === top) return
  }
}
