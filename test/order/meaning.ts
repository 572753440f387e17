import { lstat, readdir, readFile, readlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Meaning } from './rules.ts'

/** Read from the disk without Ballast's own code, so that the two can disagree. */

/** Path to the paths that it refers to, for everything below the places. */
type References = ReadonlyMap<string, readonly string[]>

export interface Places {
  readonly store?: string
  /** An OCI image layout that is not a store. */
  readonly layout?: string
  /** What a model is mounted at, or the directory of several such. */
  readonly mounts?: string
  /** Where files are moved into the store from. */
  readonly moved?: string
}

/** To be called before the command runs; the result takes the state after it. */
export async function meaningOf({ moved, ...places }: Places): Promise<() => Promise<Meaning>> {
  const roots = Object.values(places) as string[]
  const formerReferences = await referencesIn(places)
  const before = new Set((await Promise.all(roots.map(namesBelow))).flat())
  return async () => {
    const now = await referencesIn(places)
    const tags = [...now.keys()].filter((path) => TAG.test(path))
    return {
      isKept: (path) =>
        roots.some((root) => path === root || path.startsWith(`${root}/`)) && !isPassing(path),
      references: (path) => now.get(path) ?? [],
      formerReferences,
      stoodBefore: (path) => before.has(path),
      replacedBy: (path) => (moved !== undefined && path.startsWith(`${moved}/`) ? tags : []),
    }
  }
}

/** What nobody needs once the process that made it is gone, what only takes room, and marks that are only remembered as far as they can be. */
const PASSING =
  /\/ballast\/(?:sessions|locks|damaged|reserve|uploads|partial|cache\/(?:logs|referrers|listed))(?:\/|$)|\/\.ballast-lock(?:\/|$)|\/\.ballast\/(?:lock|followers)(?:\/|$)|\.tmp(?:\/|$)|\/\.ballast\/(?:incoming|link)-[.0-9a-f]|\/\.[^/]*\.ballast-new-/

const TAG = /\/tags\/[^/]+\/\d+\.json$/

function isPassing(path: string): boolean {
  return PASSING.test(path)
}

export type Kind =
  | 'blob'
  | 'manifest'
  | 'number'
  | 'tag'
  | 'untagged'
  | 'derived'
  | 'cache'
  | 'index'
  | 'format'
  | 'tree'
  | 'link'
  | 'state'
  | 'directory'

/** What a kept name is, for people and to compare orders. */
export function kindOf(path: string, { references }: Meaning): Kind {
  if (/\/blobs\/sha256\/[^/]+$/.test(path)) return references(path).length > 0 ? 'manifest' : 'blob'
  if (/\/versions\/\d+\.json$/.test(path)) return 'number'
  if (TAG.test(path)) return 'tag'
  if (/\/untagged\/[^/]+$/.test(path)) return 'untagged'
  if (/\/ballast\/derived\/./.test(path)) return 'derived'
  if (/\/ballast\/cache\/[^/]+\/./.test(path)) return 'cache'
  if (/\/index\.json$/.test(path)) return 'index'
  if (/\/(?:oci-layout|ballast\/format)$/.test(path)) return 'format'
  if (/\/\.ballast\/state\.json$/.test(path)) return 'state'
  if (/\/\.ballast\/versions\/[^/]+$/.test(path) || /\/target$/.test(path)) return 'tree'
  return references(path).length > 0 ? 'link' : 'directory'
}

async function referencesIn({ store, layout, mounts }: Places): Promise<References> {
  return new Map([
    ...(store === undefined ? [] : await inStore(store)),
    ...(layout === undefined ? [] : await inLayout(layout)),
    ...(mounts === undefined ? [] : await inMounts(mounts)),
  ])
}

type Entries = readonly (readonly [string, readonly string[]])[]

interface Descriptor {
  readonly digest: string
}

async function inStore(store: string): Promise<Entries> {
  const own = join(store, 'ballast')
  const derived = (digest: string): string => join(own, 'derived', `${hexOf(digest)}.json`)
  const derivedNames = new Set(await names(join(own, 'derived')))
  const placeOf = (digest: string): string =>
    derivedNames.has(`${hexOf(digest)}.json`) ? derived(digest) : blob(store, digest)
  const entries: (readonly [string, readonly string[]])[] = []
  for (const [path, children] of await manifestsIn(store)) entries.push([path, children.map(placeOf)])
  for (const name of derivedNames) {
    const path = join(own, 'derived', name)
    // The other files are keys: one that leads nowhere is as good as none.
    if (!name.endsWith('.json')) continue
    const { parts } = (await json(path)) as { parts: readonly string[] }
    entries.push([path, parts.map((part) => blob(store, part))])
  }
  const records: string[] = []
  for (const repository of await names(join(own, 'repositories'))) {
    const found = await inRepository(join(own, 'repositories', repository), (digest) => blob(store, digest))
    records.push(...found.heads)
    entries.push(...found.entries)
  }
  const format = join(own, 'format')
  const rest = ['oci-layout', 'index.json', 'blobs/sha256', 'ballast/repositories'].map((name) =>
    join(store, name),
  )
  return [...entries, [join(store, 'index.json'), records], [format, rest]]
}

interface Move {
  readonly digest: string | null
}

type Numbered = { readonly digest: string; readonly number: number } | { readonly removed: number }

/** Numbers refer to manifests, tags to a manifest and its number; what removes a number, to what removed its tags. */
async function inRepository(
  repository: string,
  blobAt: (digest: string) => string,
): Promise<{ readonly heads: readonly string[]; readonly entries: Entries }> {
  const entries: (readonly [string, readonly string[]])[] = []
  const heads: string[] = []
  const tagHeads: string[] = []
  const numbers = new Map<string, string>()
  const removals: string[] = []
  const removed = new Set<number>()
  for (const path of (await paths(join(repository, 'versions'))).toReversed()) {
    const record = (await json(path)) as Numbered
    heads.push(path)
    if ('removed' in record) {
      removals.push(path)
      removed.add(record.removed)
    } else if (!removed.has(record.number)) {
      numbers.set(record.digest, path)
      entries.push([path, [blobAt(record.digest)]])
    }
  }
  for (const tag of await names(join(repository, 'tags'))) {
    const head = (await paths(join(repository, 'tags', tag))).at(-1)
    if (head === undefined) continue
    const { digest } = (await json(head)) as Move
    const number = numbers.get(digest ?? '')
    if (digest !== null) entries.push([head, [blobAt(digest), ...(number === undefined ? [] : [number])]])
    tagHeads.push(head)
  }
  for (const path of removals) entries.push([path, tagHeads])
  for (const path of await paths(join(repository, 'untagged')))
    entries.push([path, [blobAt(path.slice(path.lastIndexOf('/') + 1))]])
  return { heads: [...heads, ...tagHeads], entries }
}

async function inLayout(layout: string): Promise<Entries> {
  const manifests = await manifestsIn(layout)
  const index = join(layout, 'index.json')
  const listed = (await json(index).catch(() => ({ manifests: [] }))) as { manifests: readonly Descriptor[] }
  return [
    ...[...manifests].map(
      ([path, children]) => [path, children.map((child) => blob(layout, child))] as const,
    ),
    [index, listed.manifests.map(({ digest }) => blob(layout, digest))],
  ]
}

/** Digests that each manifest names, by its path. */
async function manifestsIn(directory: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, readonly string[]>()
  for (const path of await paths(join(directory, 'blobs', 'sha256'))) {
    if ((await lstat(path)).size > 1 << 20) continue
    const text = await readFile(path, 'utf8')
    if (!text.startsWith('{"')) continue
    const { config, layers, manifests } = JSON.parse(text) as {
      config?: Descriptor
      layers?: readonly Descriptor[]
      manifests?: readonly Descriptor[]
    }
    const children = [
      ...(config?.digest === undefined ? [] : [config]),
      ...(layers ?? []),
      ...(manifests ?? []),
    ]
    if (children.length > 0)
      found.set(
        path,
        children.map(({ digest }) => digest),
      )
  }
  return found
}

/** Links refer to what they lead to, the state to the links. A file's link may come before the one it goes through. */
async function inMounts(mounts: string): Promise<Entries> {
  const entries: (readonly [string, readonly string[]])[] = []
  for (const path of await namesBelow(mounts)) {
    if (path.endsWith('/.ballast/state.json')) {
      const target = dirname(dirname(path))
      const { models } = (await json(path)) as { models: Record<string, { files: readonly string[] }> }
      const links = Object.entries(models).flatMap(([name, { files }]) => [name, ...files])
      entries.push([path, links.map((link) => join(target, link))])
    }
    const to = await readlink(path).catch(() => undefined)
    if (to?.startsWith('.ballast/versions/')) entries.push([path, await namesBelow(join(dirname(path), to))])
  }
  return entries
}

async function namesBelow(root: string): Promise<readonly string[]> {
  const found = await readdir(root, { recursive: true }).catch(() => undefined)
  return found === undefined ? [] : [root, ...found.map((name) => join(root, name))]
}

async function names(directory: string): Promise<readonly string[]> {
  return (await readdir(directory).catch(() => [])).sort()
}

async function paths(directory: string): Promise<readonly string[]> {
  return (await names(directory)).map((name) => join(directory, name))
}

async function json(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, 'utf8'))
}

function blob(directory: string, digest: string): string {
  return join(directory, 'blobs', 'sha256', hexOf(digest))
}

function hexOf(digest: string): string {
  return digest.replace('sha256:', '')
}
