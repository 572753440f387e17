import { chmod, mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  discard,
  isPresent,
  isSilent,
  isSystemError,
  keepAlive,
  lifeByName,
  listIfPresent,
  syncDirectory,
  temporaryName,
} from '../core/index.ts'

/** A place beside the final one, in which a tree is written before anybody sees it. */
export interface Incoming {
  readonly tree: string
  /** Moves the tree to where it belongs. Both directories are durable afterwards. */
  publish(path: string): Promise<void>
  /**
   * The same where a directory stands already, which is set aside first: for one instant there is none. When that
   * fails it is put back; when the process is killed then, `removeAbandoned` puts it back.
   */
  replace(path: string): Promise<void>
  /** To be called at the end, however that is: removes the place. */
  discard(): Promise<void>
}

/** Makes a directory in `parent` whose name begins with the prefix and says which process writes in it. */
export async function createIncoming(parent: string, prefix: string, mode: number): Promise<Incoming> {
  const place = join(parent, `${prefix}${temporaryName()}`)
  const tree = join(place, 'tree')
  const former = join(place, FORMER)
  await mkdir(place)
  const stopHeartbeat = keepAlive(place)
  const discardPlace = async (): Promise<void> => {
    stopHeartbeat()
    // What could not be put back stays, for the next mount to put back.
    if (!(await isPresent(former).catch(() => true))) await discard(place)
  }
  try {
    await mkdir(tree)
    // Whoever reads the tree in a container is another user than the one whose umask holds here.
    await chmod(tree, mode)
  } catch (error) {
    await discardPlace()
    throw error
  }
  return {
    tree,
    async publish(path) {
      await rename(tree, path)
      await syncDirectory(dirname(path))
    },
    async replace(path) {
      await rename(path, former)
      try {
        await rename(tree, path)
      } catch (error) {
        await rename(former, path)
        throw error
      }
      await syncDirectory(dirname(path))
      await discard(former)
    },
    discard: discardPlace,
  }
}

const FORMER = 'former'
const SILENCE_MS = 3_600_000

/**
 * Removes what processes that were killed left behind under the prefix. What one of them had set aside goes back to
 * `path`, if nothing is there.
 */
export async function removeAbandoned(parent: string, prefix: string, path?: string): Promise<void> {
  for (const name of await listIfPresent(parent)) {
    const place = join(parent, name)
    if (!name.startsWith(prefix) || !(await isAbandoned(place))) continue
    if (path !== undefined && !(await isPresent(path))) await putBack(join(place, FORMER), path)
    await rm(place, { recursive: true, force: true })
  }
}

async function putBack(former: string, path: string): Promise<void> {
  try {
    await rename(former, path)
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return
    throw error
  }
  await syncDirectory(join(path, '..'))
}

async function isAbandoned(place: string): Promise<boolean> {
  const life = lifeByName(place)
  return life === 'dead' || (life !== 'alive' && (await isSilent(place, SILENCE_MS)))
}
