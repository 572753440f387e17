import { rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type CallOptions,
  digestOf,
  isPresent,
  listIfPresent,
  makeDirectory,
  shortDigest,
} from '../../core/index.ts'
import { blobsOfFiles } from '../../model/index.ts'
import type { Store } from '../../store/index.ts'
import { checkTree } from '../check.ts'
import type { Delivery } from '../delivery.ts'
import { createIncoming, removeAbandoned } from '../incoming.ts'
import { DIRECTORY_MODE, INCOMING } from '../names.ts'
import { readTree, writeTree } from '../tree.ts'
import { allMounts } from './mountinfo.ts'

/** Trees of hard links to the store's blobs, one a version and reference, which all volumes and containers share. */
export interface Trees {
  path(name: string): string
  /**
   * The name of a whole tree; whoever asks while it is being made waits for the same. Throws NOT_FOUND or DAMAGED for a
   * version that is not whole in the store.
   */
  ensure(delivery: Delivery, options?: CallOptions): Promise<string>
  /** In constant time: what is wrong with a tree, one line a fault. */
  faults(name: string): Promise<readonly string[]>
  /** Removes the trees that are not named, were not asked for lately, and are mounted nowhere on the host. */
  removeExcept(names: ReadonlySet<string>): Promise<void>
}

/** From being asked for to being mounted in a container, by the slowest caller. */
const LATELY_MS = 5 * 60_000
const REMOVED = 'removed-'

export function createTrees(store: Store, directory: string, log: (line: string) => void): Trees {
  const making = new Map<string, Promise<string>>()
  const asked = new Map<string, number>()
  const path = (name: string): string => join(directory, name)

  async function make(name: string, delivery: Delivery, options: CallOptions): Promise<string> {
    if (await isPresent(path(name))) {
      if ((await faults(name)).length === 0) return name
      // What containers still have mounted must not change under them.
      await rename(path(name), path(`${name}~${process.pid}${Date.now().toString(36)}`))
    }
    await makeDirectory(directory, 0o711)
    const incoming = await createIncoming(directory, INCOMING, DIRECTORY_MODE)
    try {
      const { warnings } = await writeTree(
        store,
        { tree: incoming.tree, ...delivery },
        { ...options, link: true },
      )
      for (const warning of warnings) log(`${delivery.marker.reference}: ${warning}`)
      await incoming.publish(path(name))
      return name
    } finally {
      await incoming.discard()
    }
  }

  async function faults(name: string): Promise<readonly string[]> {
    const tree = await readTree(path(name)).catch(() => undefined)
    if (tree === undefined) return [`${path(name)} is not whole`]
    for (const { digest, files } of blobsOfFiles(tree.version.files)) {
      const isMarked =
        (await isPresent(store.blobs.path(digest))) && (await store.blobs.stat(digest)) === undefined
      if (isMarked) return [`${files[0]?.path}: its bytes were found damaged in the store`]
    }
    return (await checkTree(path(name), tree.version)).faults
  }

  return {
    path,
    faults,
    async ensure(delivery, options = {}) {
      const name = await nameOf(store, delivery)
      asked.set(name, performance.now())
      const made = making.get(name) ?? make(name, delivery, options).finally(() => making.delete(name))
      making.set(name, made)
      return made
    },
    async removeExcept(names) {
      await removeAbandoned(directory, INCOMING)
      const unwanted = (await listIfPresent(directory)).filter(
        (name) => !names.has(name) && !name.startsWith(INCOMING),
      )
      if (unwanted.length === 0) return
      const mounts = await allMounts()
      for (const name of unwanted) {
        if (performance.now() - (asked.get(name) ?? Number.NEGATIVE_INFINITY) < LATELY_MS) continue
        // By the end of the path: the file system of the store may be mounted anywhere.
        if (mounts.some(({ root }) => path(name).endsWith(root) && root.endsWith(`/${name}`))) continue
        const removed = path(name.startsWith(REMOVED) ? name : `${REMOVED}${name}`)
        if (removed !== path(name)) await rename(path(name), removed)
        await rm(removed, { recursive: true, force: true })
      }
    },
  }
}

/**
 * Tells which blobs a tree was made of, not only which bytes it should have: a blob that was damaged and added again is
 * another file, and the tree that is linked to the former one must not be used again.
 */
async function nameOf(store: Store, { version, marker }: Delivery): Promise<string> {
  const inodes: string[] = []
  for (const { digest, size } of blobsOfFiles(version.files)) {
    await store.blobs.ensureIntact({ digest, size })
    inodes.push(`${(await stat(store.blobs.path(digest), { bigint: true })).ino}`)
  }
  const made = shortDigest(digestOf(JSON.stringify([marker, inodes])))
  return `${marker.number}-${shortDigest(version.digest)}-${made}`
}
