import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isSystemError, lifeOf, ownIdentity, parseIdentity, syncDirectory } from '../core/index.ts'

/** A place beside the final one, in which a tree is written before anybody sees it. */
export interface Incoming {
  readonly tree: string
  /** Moves the tree to where it belongs. Both directories are durable afterwards. */
  publish(path: string): Promise<void>
  discard(): Promise<void>
}

/**
 * Makes `<parent>/<prefix><random>/`, which names the process that writes in it, after removing what processes that
 * were killed left behind under the same prefix.
 */
export async function createIncoming(parent: string, prefix: string, mode: number): Promise<Incoming> {
  await removeAbandoned(parent, prefix)
  const place = join(parent, `${prefix}${randomBytes(6).toString('hex')}`)
  const tree = join(place, 'tree')
  await mkdir(place)
  await writeFile(join(place, 'process'), JSON.stringify(ownIdentity()))
  await mkdir(tree, { mode })
  return {
    tree,
    async publish(path) {
      await rename(tree, path)
      await syncDirectory(join(path, '..'))
      await rm(place, { recursive: true, force: true })
    },
    discard: () => rm(place, { recursive: true, force: true }),
  }
}

const SILENCE_MS = 3_600_000

async function removeAbandoned(parent: string, prefix: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(prefix)) continue
    const place = join(parent, name)
    if (await isAbandoned(place)) await rm(place, { recursive: true, force: true })
  }
}

async function isAbandoned(place: string): Promise<boolean> {
  try {
    const identity = parseIdentity(JSON.parse(await readFile(join(place, 'process'), 'utf8')))
    const life = identity === undefined ? 'unknown' : lifeOf(identity)
    if (life !== 'unknown') return life === 'dead'
  } catch (error) {
    if (!(error instanceof SyntaxError) && !isSystemError(error, 'ENOENT')) throw error
  }
  const info = await stat(place).catch(() => undefined)
  return info !== undefined && Date.now() - info.mtimeMs > SILENCE_MS
}
