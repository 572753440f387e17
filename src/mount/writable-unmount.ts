import { rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BallastError, isPresent, syncDirectory } from '../core/index.ts'
import { detach } from './docker-plugin/kernel-mounts.ts'
import { isMountedElsewhere } from './docker-plugin/places.ts'
import { hasWritten, readWritable, UPPER } from './writable.ts'

export interface UnmountedWritable {
  readonly target: string
  /** Where what was written is; undefined where nothing was, or where it was given up. */
  readonly layer: string | undefined
}

/**
 * Takes a writable mount away. What was written over the version stays beside the target, and comes back with the next such
 * mount of the same version, unless it is to be discarded. Undefined where there is no writable mount. Throws CONFLICT where a
 * container still has it.
 */
export async function unmountWritable(
  directory: string,
  { discard = false }: { readonly discard?: boolean } = {},
): Promise<UnmountedWritable | undefined> {
  const found = await readWritable(directory)
  if (found === undefined) return undefined
  const { target, side, isMounted } = found
  const isKept = !discard && (await hasWritten(found))
  if (isMounted) {
    // Two overlays over one layer would spoil it.
    if (await isMountedElsewhere(target)) throw stillUsed(target)
    await detach(target)
  }
  if (isKept) return { target, layer: join(side, UPPER) }
  // From here on it is no mount, whenever this is cut short.
  const removed = `${side}-removed`
  if (await isPresent(removed)) await rm(removed, { recursive: true, force: true })
  await rename(side, removed)
  await syncDirectory(dirname(side))
  await rm(removed, { recursive: true, force: true })
  return { target, layer: undefined }
}

function stillUsed(target: string): BallastError {
  return new BallastError(
    'CONFLICT',
    `${target} is mounted somewhere else too, as in a container that runs`,
    {
      hint: 'stop the container first',
    },
  )
}
