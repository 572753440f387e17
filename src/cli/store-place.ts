import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import type { Io } from './io.ts'

const SHARED = '/var/lib/ballast'

/** `--store`, else `$BALLAST_STORE`, else the shared store where it may be written, else the user's own (design 3). */
export function storePlace(option: string | undefined, { env, home }: Io): string {
  if (option !== undefined) return option
  if (env.BALLAST_STORE) return env.BALLAST_STORE
  if (isWritable(SHARED)) return SHARED
  return join(env.XDG_DATA_HOME || join(home, '.local', 'share'), 'ballast')
}

function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK)
    return true
  } catch {
    return false
  }
}
