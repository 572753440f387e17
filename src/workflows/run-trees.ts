import { mkdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  type CallOptions,
  digestOf,
  hexOf,
  isBallastError,
  isSystemError,
  listIfPresent,
  shortDigest,
} from '../core/index.ts'
import { formatReference, numberOfTag } from '../model/index.ts'
import { deliverPinned } from '../mount/index.ts'
import { leaseVersion, type Store } from '../store/index.ts'
import { type ResolvedVersion, withMending } from './resolve.ts'

export interface TreePlace {
  /** Of the Engine whose containers mount the trees. */
  readonly engineUrl: string
  /** Where trees go that the store has no place for, because this user may not write to it. */
  readonly cacheDirectory: string
  /** Hard links to the store: for containers that cannot make a read-only mount writable. */
  readonly link: boolean
}

export interface SharedTree {
  readonly path: string
  /** Whether it had to be made. */
  readonly isNew: boolean
  readonly warnings: readonly string[]
}

/**
 * A version's tree, one for all containers of an Engine that are run with it, to be mounted read-only. It is there
 * already or is delivered; one that is no longer whole is replaced, which containers that have it do not notice.
 */
export async function shareTree(
  store: Store,
  { resolved, place }: { readonly resolved: ResolvedVersion; readonly place: TreePlace },
  options: CallOptions = {},
): Promise<SharedTree> {
  const { engineUrl, cacheDirectory, link } = place
  const name = join(resolved.reference.name.replaceAll('/', '+'), nameOfTree(resolved, place))
  const roots = treeDirectories(store, { engineUrl, cacheDirectory })
  for (const root of roots) {
    try {
      return await deliver(store, { resolved, target: join(root, name), link }, options)
    } catch (error) {
      if (root === roots.at(-1) || !isSystemError(error, 'EACCES', 'EPERM', 'EROFS')) throw error
    }
  }
  throw new Error('unreachable')
}

/**
 * A tree says which tag was meant, so that a container of a tag that has moved on can be told from one of a version. A
 * tree of links is never given to a container that is to have copies.
 */
function nameOfTree({ reference: { tag }, version }: ResolvedVersion, { link }: TreePlace): string {
  const moves = tag !== undefined && numberOfTag(tag) === undefined
  return `${hexOf(version.digest)}${moves ? `.${tag}` : ''}${link ? '' : '+copied'}`
}

async function deliver(
  store: Store,
  {
    resolved,
    target,
    link,
  }: { readonly resolved: ResolvedVersion; readonly target: string; readonly link: boolean },
  options: CallOptions,
): Promise<SharedTree> {
  const { version, number, reference } = resolved
  await using session = await store.beginReading()
  const text = formatReference(reference)
  await leaseVersion(store, session, { version, name: text })
  const marker = { model: reference.name, digest: version.digest, number, reference: text }
  const attempt = (replace: boolean) =>
    deliverPinned(store, { target, delivery: { version, marker } }, { ...options, link, replace })
  await mkdir(dirname(target), { recursive: true })
  const { how, warnings } = await attempt(false)
    .catch((error: unknown) => {
      // Somebody has changed the tree, or another run has just put it there.
      if (isBallastError(error, 'DAMAGED') || isBallastError(error, 'CONFLICT')) return attempt(true)
      throw error
    })
    .catch(async (error: unknown) => {
      throw await withMending(store, error, reference)
    })
  await markUsed(target)
  return { path: target, isNew: how === 'delivered', warnings }
}

/** The time of the last use is that of the directory; where another user made it, theirs. */
async function markUsed(target: string): Promise<void> {
  const now = new Date()
  await utimes(target, now, now).catch((error: unknown) => {
    if (!isSystemError(error, 'EPERM', 'EACCES')) throw error
  })
}

/** Where the trees for an Engine's containers are: in the store, and of users who may not write to it. */
export function treeDirectories(
  store: Store,
  { engineUrl, cacheDirectory }: Pick<TreePlace, 'engineUrl' | 'cacheDirectory'>,
): readonly string[] {
  const engine = shortDigest(digestOf(engineUrl))
  return [join(store.root, 'ballast', 'trees', engine), join(cacheDirectory, 'trees', engine)]
}

const UNUSED_MS = 24 * 3_600_000

/**
 * Removes an Engine's trees that have not been used for a day and that no container of it, running or stopped, has
 * mounted. What cannot be removed stays for the next time.
 */
export async function removeUnusedTrees(
  directories: readonly string[],
  { mounted, now }: { readonly mounted: ReadonlySet<string>; readonly now: number },
): Promise<void> {
  for (const directory of directories) {
    for (const name of await listIfPresent(directory)) {
      for (const id of await listIfPresent(join(directory, name))) {
        const path = join(directory, name, id)
        const used = await stat(path).catch(() => undefined)
        if (mounted.has(path) || id.startsWith('.') || used === undefined) continue
        if (now - used.mtimeMs >= UNUSED_MS) await remove(path).catch(() => undefined)
      }
    }
  }
}

/** Away by one rename first, so that nobody finds half of it. */
async function remove(path: string): Promise<void> {
  const aside = join(dirname(path), `.removed-${process.pid}-${Date.now()}`)
  await rename(path, aside)
  await rm(aside, { recursive: true, force: true })
}
