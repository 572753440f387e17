import { resolve } from 'node:path'
import { BallastError } from '../core/index.ts'
import { type Unmounted, unmountTarget, unmountWritable } from '../mount/index.ts'

export interface UnmountResult extends Unmounted {
  /** A directory's absolute path, or `volume:NAME`. */
  readonly target: string
  /** Of a writable mount: where what was written over the version stays. */
  readonly layer?: string
}

/**
 * Removes from a directory what a mount put there. `discard` gives up what was written over the version of a writable mount.
 * Throws what `unmountTarget` and `unmountWritable` do, and USAGE for `discard` elsewhere.
 */
export async function unmount(
  directory: string,
  { discard = false }: { readonly discard?: boolean } = {},
): Promise<UnmountResult> {
  const target = resolve(directory)
  const writable = await unmountWritable(target, { discard })
  if (writable !== undefined) {
    const { layer } = writable
    return { target, kept: [], ...(layer !== undefined && { layer }) }
  }
  if (discard) {
    throw new BallastError('USAGE', `${target} is no writable mount, so there is nothing to discard`, {
      hint: 'leave --discard out',
    })
  }
  return { target, ...(await unmountTarget(target)) }
}
