import { copyFile, lstat, open } from 'node:fs/promises'
import { basename, join, posix } from 'node:path'
import { BallastError, type CallOptions, named, throwIfAborted, writeFully } from '../core/index.ts'
import { checkFilePath, OWN_DIRECTORY } from '../model/index.ts'
import { type EntryWithBody, readTarBodies, type TarType } from '../tar/index.ts'
import { stateOf } from './file-state.ts'
import { openUnchanged, type Scan, type SourceFile } from './local-files.ts'
import { type PathFilter, pathFilter } from './patterns.ts'

export interface TarTreeOptions {
  /** Where bytes wait, under names that have nothing to do with the archive's: a session's own directory. */
  readonly directory: string
  /** The path whose files are wanted, as the archive has it; a file or a directory. The empty path is all of it. */
  readonly root: string
  /** The absolute path that the root has where the archive comes from: absolute links below it stay inside. */
  readonly absolute: string
}

/** Files that come in tar archives, to become those of a model. Nothing is unpacked under a name that an archive says. */
export interface TarTree {
  /**
   * Takes over what the archive holds below the root; later entries replace former ones. `wanted`, by paths without a
   * leading slash, leaves out what is known to be of no use. Throws DAMAGED.
   */
  take(
    chunks: AsyncIterable<Uint8Array>,
    options?: CallOptions & { readonly wanted?: (path: string) => boolean },
  ): Promise<void>
  /**
   * What has been taken, links followed while they stay inside the root. Throws NOT_FOUND for nothing, REFUSED for
   * special files, unsafe names, and links that lead out. What the filter leaves out is not looked at.
   */
  scan(filter?: PathFilter): Promise<Scan>
}

interface Node {
  readonly type: TarType
  /** Of a symlink. */
  readonly link: string
  /** Of a file: where its bytes wait. */
  readonly place: string
  /** Of a directory. */
  readonly children: Map<string, Node>
}

/** As Linux has it (path_resolution(7)). */
const MOST_LINKS = 40

export function createTarTree({ directory, root, absolute }: TarTreeOptions): TarTree {
  const rootParts = partsOf(root) ?? []
  const top = newDirectory()
  let spooled = 0
  const newPlace = (): string => join(directory, `captured-${spooled++}`)

  async function takeEntry({ entry, body, isSparse }: EntryWithBody, options: CallOptions): Promise<void> {
    const parts = partsOf(entry.path)
    if (parts === undefined || !rootParts.every((part, at) => parts[at] === part)) return
    const name = `/${parts.join('/')}`
    if (entry.type === 'directory') {
      const found = find(top, parts)
      if (found?.type !== 'directory') put(top, parts, newDirectory())
    } else if (entry.type === 'file') {
      if (isSparse) throw refused(name, 'is a sparse file, of which the archive has only the parts')
      const place = newPlace()
      options.onProgress?.({ kind: 'start', step: 'download', item: name, total: entry.size })
      await spool(place, body, { ...options, item: name })
      options.onProgress?.({ kind: 'done', step: 'download', item: name })
      put(top, parts, { type: 'file', link: '', place, children: new Map() })
    } else if (entry.type === 'hardlink') {
      const target = find(top, partsOf(entry.link ?? '') ?? [])
      if (target?.type !== 'file')
        throw refused(name, `is a hard link to ${entry.link}, which is not below it`)
      put(top, parts, target)
    } else {
      put(top, parts, { type: entry.type, link: entry.link ?? '', place: '', children: new Map() })
    }
  }

  return {
    async take(chunks, { wanted = () => true, ...options } = {}) {
      for await (const found of readTarBodies(chunks)) {
        throwIfAborted(options.signal)
        if (wanted((partsOf(found.entry.path) ?? []).join('/'))) await takeEntry(found, options)
      }
    },
    async scan(filter = pathFilter({})) {
      const start = find(top, rootParts)
      if (start === undefined) {
        throw new BallastError('NOT_FOUND', `there is no ${absolute}`, { hint: 'name the path of the model' })
      }
      const files: SourceFile[] = []
      const skipped: string[] = []
      const given = new Set<string>()
      // Paths of one file get a place each: whoever takes over the one must not take the other away.
      const placeFor = async (place: string): Promise<string> => {
        if (!given.has(place)) {
          given.add(place)
          return place
        }
        const own = newPlace()
        await copyFile(place, own)
        return own
      }
      const visit = async (node: Node, { path, above }: Visit): Promise<void> => {
        if (node.type === 'file' && path !== '' && !filter.takes(path)) return
        if (node.type === 'file') return void files.push(await sourceFile(path, await placeFor(node.place)))
        if (node.type !== 'directory') throw refused(`${absolute}/${path}`, 'is not a regular file')
        if (above.includes(node)) throw refused(`${absolute}/${path}`, 'leads back to a directory above it')
        if (node.children.size === 0) skipped.push(`${path === '' ? absolute : path}: an empty directory`)
        for (const [name, child] of [...node.children].sort(([a], [b]) => (a < b ? -1 : 1))) {
          if (path === '' && name === OWN_DIRECTORY) continue
          const at = path === '' ? name : `${path}/${name}`
          if (filter.leavesOut(at)) continue
          if (child.type !== 'directory' && child.type !== 'symlink' && !filter.takes(at)) continue
          const inner = checkFilePath(at)
          await visit(follow(start, { node: child, path: inner, absolute }), {
            path: inner,
            above: [...above, node],
          })
        }
      }
      const isFile = start.type === 'file'
      await visit(start, { path: isFile ? checkFilePath(basename(absolute)) : '', above: [] })
      if (files.length > 0) return { files, skipped }
      throw new BallastError('REFUSED', `no files in ${absolute}`, {
        hint: 'name the directory of the model',
      })
    },
  }
}

interface Visit {
  readonly path: string
  /** By which a link that leads back up is noticed. */
  readonly above: readonly Node[]
}

/** What a path of the tree ends at, through links that stay inside. */
function follow(
  start: Node,
  { node, path, absolute }: { readonly node: Node; readonly path: string; readonly absolute: string },
): Node {
  if (node.type !== 'symlink') return node
  const shown = `${absolute}/${path}`
  const todo = path.split('/').reverse()
  const real: string[] = []
  let links = 0
  for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
    if (part === '' || part === '.') continue
    if (part === '..') {
      if (real.pop() === undefined) throw refused(shown, 'is a link that leads out of it')
      continue
    }
    const found = find(start, [...real, part])
    if (found?.type !== 'symlink') {
      real.push(part)
      continue
    }
    if (++links > MOST_LINKS) throw refused(shown, 'is a link that leads round in a circle')
    const target = found.link
    if (posix.isAbsolute(target)) {
      const inside = posix.relative(absolute, target)
      if (inside.startsWith('..')) throw refused(shown, `is a link that leads out of it, to ${target}`)
      real.length = 0
      todo.push(...inside.split('/').reverse())
    } else {
      todo.push(...target.split('/').reverse())
    }
  }
  const found = find(start, real)
  if (found === undefined) throw refused(shown, 'is a link that leads nowhere')
  return found
}

async function sourceFile(path: string, own: string): Promise<SourceFile> {
  const info = await lstat(own, { bigint: true })
  return {
    path,
    size: Number(info.size),
    place: own,
    isLinked: false,
    state: stateOf(info),
    open: () => openUnchanged(own),
  }
}

async function spool(
  place: string,
  body: AsyncIterable<Uint8Array>,
  { item, signal, onProgress }: CallOptions & { readonly item: string },
): Promise<void> {
  const handle = await open(place, 'wx', 0o600)
  try {
    await named(place, async () => {
      for await (const chunk of body) {
        throwIfAborted(signal)
        await writeFully(handle, chunk)
        onProgress?.({ kind: 'bytes', step: 'download', item, count: chunk.length })
      }
    })
  } finally {
    await handle.close()
  }
}

function newDirectory(): Node {
  return { type: 'directory', link: '', place: '', children: new Map() }
}

function find(top: Node, parts: readonly string[]): Node | undefined {
  let node: Node | undefined = top
  for (const part of parts) node = node?.children.get(part)
  return node
}

function put(top: Node, parts: readonly string[], node: Node): void {
  let at = top
  for (const part of parts.slice(0, -1)) {
    const next = at.children.get(part)
    const inner = next?.type === 'directory' ? next : newDirectory()
    at.children.set(part, inner)
    at = inner
  }
  const name = parts.at(-1)
  if (name !== undefined) at.children.set(name, node)
}

/** Undefined for a path that would leave the archive. */
function partsOf(path: string): readonly string[] | undefined {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  return parts.includes('..') ? undefined : parts
}

function refused(name: string, why: string): BallastError {
  return new BallastError('REFUSED', `${JSON.stringify(name)} ${why}`, {
    hint: 'a model is made of files in one directory; capture the directory that holds nothing else',
  })
}
