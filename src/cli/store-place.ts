import { accessSync, constants, existsSync } from 'node:fs'
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

/** Whether a store was named, or there is one where it is by default. */
export function isStoreThere(option: string | undefined, io: Io): boolean {
  return (
    option !== undefined ||
    Boolean(io.env.BALLAST_STORE) ||
    existsSync(join(storePlace(option, io), 'oci-layout'))
  )
}

function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK)
    return true
  } catch {
    return false
  }
}
