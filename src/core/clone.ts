import { constants, copyFile } from 'node:fs/promises'
import { isSystemError } from './errors.ts'

/**
 * Makes `to` share the blocks of `from` and not its inode (reflink): what is written to one never reaches the other.
 * False, and nothing made, where the file system cannot. Throws EEXIST where `to` exists.
 */
export async function cloneFile(from: string, to: string): Promise<boolean> {
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL)
    return true
  } catch (error) {
    if (isSystemError(error, ...UNSUPPORTED)) return false
    throw error
  }
}

const UNSUPPORTED = ['ENOTSUP', 'EXDEV', 'EINVAL', 'ENOTTY', 'ENOSYS', 'EOPNOTSUPP']
