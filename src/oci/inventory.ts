import { BallastError, type CallOptions, createHasher, type Digest, metered } from '../core/index.ts'
import { parseJson } from '../model/index.ts'
import type { TarEntry, TarType } from '../tar/index.ts'
import { readTar } from '../tar/index.ts'
import { decompressed } from './decompress.ts'

/** One path of a base layer, relative to the root, without a leading slash; the root itself is the empty path. */
export interface InventoryEntry {
  readonly path: string
  readonly type: TarType
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** The target of a symlink or hard link, as it stands in the layer. */
  readonly link?: string
  /** Of a file, in bytes. */
  readonly size?: number
}

/** What one layer says about the file system, without the contents (image-spec, layer.md). */
export interface Inventory {
  readonly entries: readonly InventoryEntry[]
  /** Paths of lower layers that this layer deletes. */
  readonly whiteouts: readonly string[]
  /** Directories whose content in lower layers this layer deletes. */
  readonly opaques: readonly string[]
}

export interface ReadInventoryOptions extends CallOptions {
  /** Of the uncompressed layer, to be verified. */
  readonly diffId?: Digest
}

/** So that a few compressed megabytes cannot fill the memory. */
const MOST_ENTRIES = 2_000_000

/**
 * Reads a layer's tar, plain, gzip or zstd. Reads its input to the end. Paths are normalised; entries that would
 * leave the root or are longer than a path can be are left out, as no engine unpacks them. Throws DAMAGED for what is not a layer or not `diffId`,
 * REFUSED for more than two million entries.
 */
export async function readInventory(
  layerChunks: AsyncIterable<Uint8Array>,
  options: ReadInventoryOptions = {},
): Promise<Inventory> {
  const hasher = createHasher()
  const tar = metered(decompressed(layerChunks), () => undefined, options.signal)
  const entries: InventoryEntry[] = []
  const whiteouts: string[] = []
  const opaques: string[] = []
  for await (const entry of readTar(options.diffId === undefined ? tar : hashed(tar, hasher.update))) {
    const path = normalise(entry.path)
    if (path === undefined || (entry.link?.length ?? 0) > LONGEST_PATH) continue
    const mark = whiteoutOf(path)
    if (mark === undefined) entries.push(entryOf(path, entry))
    else if (mark.kind === 'whiteout') whiteouts.push(mark.path)
    else if (mark.kind === 'opaque') opaques.push(mark.path)
    if (entries.length + whiteouts.length + opaques.length > MOST_ENTRIES) {
      throw new BallastError('REFUSED', `a layer of more than ${MOST_ENTRIES} files`)
    }
  }
  const found = options.diffId === undefined ? undefined : hasher.digest()
  if (found !== options.diffId) {
    throw new BallastError('DAMAGED', `layer ${options.diffId}: the bytes found have digest ${found}`)
  }
  return { entries, whiteouts, opaques }
}

const TYPES: ReadonlyMap<unknown, TarType> = new Map([
  ['f', 'file'],
  ['d', 'directory'],
  ['l', 'symlink'],
  ['h', 'hardlink'],
  ['o', 'other'],
])
const LETTERS = new Map([...TYPES].map(([letter, type]) => [type, letter]))

/** 2: files have sizes. */
const VERSION = 2

/** Compact JSON for a cache. */
export function encodeInventory({ entries, whiteouts, opaques }: Inventory): Buffer {
  const rows = entries.map(({ path, type, mode, uid, gid, link, size }) => {
    const last = link ?? size
    return [path, LETTERS.get(type), mode, uid, gid, ...(last === undefined ? [] : [last])]
  })
  return Buffer.from(JSON.stringify({ version: VERSION, entries: rows, whiteouts, opaques }))
}

/** Undefined for anything but what `encodeInventory` gives: a cache that cannot be read is made anew. */
export function decodeInventory(bytes: Uint8Array): Inventory | undefined {
  const { version, entries, whiteouts, opaques } = parseJson(bytes) ?? {}
  if (version !== VERSION || !Array.isArray(entries) || !isPaths(whiteouts) || !isPaths(opaques))
    return undefined
  const decoded = (entries as unknown[]).map(decodeRow)
  return decoded.every((entry) => entry !== undefined) ? { entries: decoded, whiteouts, opaques } : undefined
}

function decodeRow(row: unknown): InventoryEntry | undefined {
  if (!Array.isArray(row)) return undefined
  const [path, letter, mode, uid, gid, last] = row as unknown[]
  const type = TYPES.get(letter)
  if (typeof path !== 'string' || normalise(path) !== path || type === undefined) return undefined
  if (!isCount(mode) || !isCount(uid) || !isCount(gid)) return undefined
  const plain = { path, type, mode, uid, gid }
  if (type === 'file') return isCount(last) ? { ...plain, size: last } : undefined
  if (type !== 'symlink' && type !== 'hardlink') return plain
  return typeof last === 'string' ? { ...plain, link: last } : undefined
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function isPaths(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((path) => typeof path === 'string' && normalise(path) === path)
}

function entryOf(path: string, { type, mode, uid, gid, link, size }: TarEntry): InventoryEntry {
  const plain = { path, type, mode, uid, gid }
  if (type === 'file') return { ...plain, size }
  return link === undefined ? plain : { ...plain, link }
}

/** Linux knows no longer ones (PATH_MAX), and following them would take a time that grows with the square. */
const LONGEST_PATH = 4096

/** `./a`, `/a` and `a//` are `a`; undefined where a part is `..` and for a path that no system can have. */
function normalise(path: string): string | undefined {
  if (path.length > LONGEST_PATH) return undefined
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  return parts.includes('..') ? undefined : parts.join('/')
}

const WHITEOUT = '.wh.'
const OPAQUE = '.wh..wh..opq'

type Mark = { readonly kind: 'whiteout' | 'opaque'; readonly path: string } | { readonly kind: 'ignored' }

/** A whiteout's meaning; `.wh..wh.` begins the names that AUFS kept for itself. */
function whiteoutOf(path: string): Mark | undefined {
  const slash = path.lastIndexOf('/')
  const name = path.slice(slash + 1)
  if (!name.startsWith(WHITEOUT)) return undefined
  if (name === OPAQUE) return { kind: 'opaque', path: path.slice(0, Math.max(slash, 0)) }
  const hidden = name.slice(WHITEOUT.length)
  if (hidden.startsWith(WHITEOUT) || ['', '.', '..'].includes(hidden)) return { kind: 'ignored' }
  return { kind: 'whiteout', path: path.slice(0, slash + 1) + hidden }
}

async function* hashed(
  chunks: AsyncIterable<Uint8Array>,
  update: (chunk: Uint8Array) => void,
): AsyncIterable<Uint8Array> {
  for await (const chunk of chunks) {
    update(chunk)
    yield chunk
  }
}
