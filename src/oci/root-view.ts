import { BallastError } from '../core/index.ts'
import type { Inventory, InventoryEntry } from './inventory.ts'
import { type DirectoryEntry, newDirectory } from './packing.ts'

/** What stands at one path of the base's root file system. Hard links are files here. */
export interface RootNode {
  readonly type: 'directory' | 'file' | 'symlink' | 'other'
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** A symlink's target. */
  readonly link?: string
  /** Of a file, in bytes, where the inventory says so. */
  readonly size?: number
  /** The layer that put it there as it is, counted from the lowest. */
  readonly layer: number
}

export interface ResolvedPath {
  /** The real path, without a leading slash: no directory above it is a symlink. */
  readonly path: string
  /** The directories above it, outermost first, with the base's attributes; those that it has not got are 0755 0:0. */
  readonly parents: readonly DirectoryEntry[]
}

/** The base's root file system without the contents. Paths may begin with `/` or not. */
export interface RootView {
  /** What stands at exactly this path: no symlink is followed. */
  lookup(path: string): RootNode | undefined
  /** Names in a directory, sorted; none for anything else. */
  children(path: string): readonly string[]
  isEmptyDirectory(path: string): boolean
  /** Every path but the root, without a leading slash, directories before what is in them. */
  entries(): Iterable<readonly [path: string, node: RootNode]>
  /**
   * Follows the symlinks above the last part of the path as a process in the container would: absolute ones from
   * the image's root, `..` never above it. What the base has not got is taken for directories to be made. Throws
   * REFUSED for a loop and for a part above the last that is not a directory.
   */
  resolve(path: string): ResolvedPath
}

/** The file system that layers make, base first (image-spec, layer.md, "Applying Changesets"). */
export function mergeInventories(layers: readonly Inventory[]): RootView {
  const root = makeDirectory(0)
  for (const [index, layer] of layers.entries()) applyLayer(root, { ...layer, index })
  return {
    lookup: (path) => find(root, path)?.node,
    children: (path) => [...(find(root, path)?.children?.keys() ?? [])].sort(),
    isEmptyDirectory: (path) => find(root, path)?.children?.size === 0,
    entries: () => entriesBelow(root),
    resolve: (path) => resolve(root, path),
  }
}

function* entriesBelow(root: Place): Iterable<readonly [string, RootNode]> {
  const todo = [{ prefix: '', children: root.children }]
  for (let directory = todo.pop(); directory !== undefined; directory = todo.pop()) {
    for (const [name, { node, children }] of directory.children ?? []) {
      const path = directory.prefix + name
      yield [path, node]
      if (children !== undefined) todo.push({ prefix: `${path}/`, children })
    }
  }
}

/** Directories have `children`, nothing else has. */
interface Place {
  node: RootNode
  children: Map<string, Place> | undefined
}

/** As Linux has it (path_resolution(7)). */
const MOST_LINKS = 40

/** A layer's whiteouts hide what lower layers have, wherever they stand in it, and nothing of its own. */
function applyLayer(root: Place, layer: Inventory & { readonly index: number }): void {
  for (const path of layer.opaques) findFollowing(root, path)?.children?.clear()
  for (const path of layer.whiteouts) {
    const parts = partsOf(path)
    const name = parts.pop()
    if (name !== undefined) findFollowing(root, parts.join('/'))?.children?.delete(name)
  }
  for (const entry of layer.entries) insert(root, entry, layer.index)
}

function insert(root: Place, entry: InventoryEntry, layer: number): void {
  const parts = partsOf(entry.path)
  const name = parts.pop()
  const node = nodeOf(root, entry, layer)
  if (name === undefined) {
    if (node.type === 'directory') root.node = node
    return
  }
  const siblings = directoryAt(root, parts, layer)
  const former = siblings.get(name)
  const kept = former?.children ?? new Map<string, Place>()
  siblings.set(name, { node, children: node.type === 'directory' ? kept : undefined })
}

/** The directory, made where it is missing; in the place of a file it replaces that. */
function directoryAt(root: Place, parts: readonly string[], layer: number): Map<string, Place> {
  let place = root
  for (const [depth, part] of parts.entries()) {
    let next = place.children?.get(part)
    if (next?.node.type === 'symlink') next = findFollowing(root, parts.slice(0, depth + 1).join('/'))
    if (next?.children === undefined) {
      next = makeDirectory(layer)
      place.children?.set(part, next)
    }
    place = next
  }
  return place.children ?? new Map()
}

function makeDirectory(layer: number): Place {
  return { node: { type: 'directory', mode: 0o755, uid: 0, gid: 0, layer }, children: new Map() }
}

function nodeOf(root: Place, entry: InventoryEntry, layer: number): RootNode {
  const { type, mode, uid, gid, link = '' } = entry
  const plain = { mode, uid, gid, layer }
  if (type === 'symlink') return { type, ...plain, link }
  if (type !== 'hardlink' && type !== 'file') return { type, ...plain }
  const size = type === 'file' ? entry.size : find(root, link)?.node.size
  return { type: 'file', ...plain, ...(size !== undefined && { size }) }
}

function find(root: Place, path: string): Place | undefined {
  let place: Place | undefined = root
  for (const part of partsOf(path)) place = place?.children?.get(part)
  return place
}

/** Like `find`, through symlinks, the last part's included; undefined for loops and for what is not there. */
function findFollowing(root: Place, path: string): Place | undefined {
  try {
    return find(root, resolve(root, `${path}/.`).path)
  } catch {
    return undefined
  }
}

function resolve(root: Place, path: string): ResolvedPath {
  const todo = path
    .split('/')
    .filter((part) => part !== '')
    .reverse()
  const real: string[] = []
  let links = 0
  for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
    if (part === '.') continue
    if (part === '..') {
      real.pop()
      continue
    }
    const last = todo.length === 0
    const place = find(root, [...real, part].join('/'))
    if (last || place === undefined || place.node.type === 'directory') {
      real.push(part)
    } else if (place.node.type === 'symlink') {
      if (++links > MOST_LINKS) throw refused(path, 'its symlinks lead round in a circle')
      const target = place.node.link ?? ''
      if (target.startsWith('/')) real.length = 0
      todo.push(
        ...target
          .split('/')
          .filter((step) => step !== '')
          .reverse(),
      )
    } else {
      throw refused(path, `/${[...real, part].join('/')} is not a directory`)
    }
  }
  return { path: real.join('/'), parents: parentsOf(root, real) }
}

function parentsOf(root: Place, real: readonly string[]): readonly DirectoryEntry[] {
  return real.slice(0, -1).map((_, depth) => {
    const path = real.slice(0, depth + 1).join('/')
    const node = find(root, path)?.node
    if (node === undefined) return newDirectory(path)
    return { kind: 'directory', path, mode: node.mode, uid: node.uid, gid: node.gid }
  })
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.')
}

function refused(path: string, why: string): BallastError {
  return new BallastError('REFUSED', `/${partsOf(path).join('/')} cannot be reached in the image: ${why}`, {
    hint: 'choose another path in the container',
  })
}
