import { randomBytes } from 'node:crypto'
import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  isPresent,
  isSilent,
  isSystemError,
  listIfPresent,
  ownIdentity,
  recordedLife,
  syncDirectory,
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
  discard(): Promise<void>
}

/** Makes `<parent>/<prefix><random>/`, which names the process that writes in it. */
export async function createIncoming(parent: string, prefix: string, mode: number): Promise<Incoming> {
  const place = join(parent, `${prefix}${randomBytes(6).toString('hex')}`)
  const tree = join(place, 'tree')
  const former = join(place, FORMER)
  await mkdir(place)
  await writeFile(join(place, 'process'), JSON.stringify(ownIdentity()))
  await mkdir(tree)
  // Whoever reads the tree in a container is another user than the one whose umask holds here.
  await chmod(tree, mode)
  return {
    tree,
    async publish(path) {
      await rename(tree, path)
      await syncDirectory(join(path, '..'))
      await rm(place, { recursive: true, force: true })
    },
    async replace(path) {
      await rename(path, former)
      try {
        await rename(tree, path)
      } catch (error) {
        await rename(former, path)
        throw error
      }
      await syncDirectory(join(path, '..'))
      await rm(place, { recursive: true, force: true })
    },
    async discard() {
      // What could not be put back stays, for the next mount to put back.
      if (!(await isPresent(former))) await rm(place, { recursive: true, force: true })
    },
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
  const life = await recordedLife(join(place, 'process'))
  const isUncertain = life === 'unknown' || life === 'unnamed'
  return isUncertain ? isSilent(place, SILENCE_MS) : life === 'dead'
}
