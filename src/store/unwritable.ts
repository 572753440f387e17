import { stat } from 'node:fs/promises'
import { BallastError, isSystemError, systemCode } from '../core/index.ts'
import type { StoreLayout } from './layout.ts'

export function isUnwritable(error: unknown): boolean {
  return isSystemError(error, 'EROFS', 'EACCES', 'EPERM')
}

/** Throws DISK, with the way out, where `work` fails because this user cannot write to the store. */
export async function explainUnwritable<T>(layout: StoreLayout, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!isUnwritable(error)) throw error
    const { path = layout.root } = error as NodeJS.ErrnoException
    const isReadOnly = isSystemError(error, 'EROFS')
    const why = isReadOnly ? 'is on a read-only file system' : 'cannot be written by this user'
    const way = isReadOnly ? 'make the file system writable' : await whoMay(layout)
    throw new BallastError('DISK', `the store ${layout.root} ${why} (${path}: ${systemCode(error)})`, {
      cause: error,
      hint: `${way}; or name another store with --store or BALLAST_STORE`,
    })
  }
}

async function whoMay({ root, sharing }: StoreLayout): Promise<string> {
  const owner = await stat(root).catch(() => undefined)
  if (owner === undefined) return 'run the command as its owner'
  if (sharing !== undefined) return `join its group (gid ${owner.gid}), and log in again`
  return `run the command as its owner (uid ${owner.uid})`
}
