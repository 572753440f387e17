import { resolve } from 'node:path'
import { type Unmounted, unmountTarget } from '../mount/index.ts'

export interface UnmountResult extends Unmounted {
  /** A directory's absolute path, or `volume:NAME`. */
  readonly target: string
}

/** Removes from a directory what a mount put there. Throws what `unmountTarget` does. */
export async function unmount(directory: string): Promise<UnmountResult> {
  const target = resolve(directory)
  return { target, ...(await unmountTarget(target)) }
}
