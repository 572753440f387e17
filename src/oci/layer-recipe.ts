import { BallastError, type Digest, isDigest } from '../core/index.ts'
import { blobsOfFiles, type ModelFile, type Packed, parseJson } from '../model/index.ts'
import type { BlobDescriptor } from './image-repository.ts'

/**
 * One path of a layer, relative to the root and without a leading slash. Files and inline files are 0644 and links
 * 0777, all of them 0:0; sizes are in bytes.
 */
export type LayerEntry =
  | {
      readonly kind: 'directory'
      readonly path: string
      readonly mode: number
      readonly uid: number
      readonly gid: number
    }
  | {
      readonly kind: 'file'
      readonly path: string
      readonly blob: Digest
      readonly size: number
      /** Where the bytes stand when `blob` is no blob of the store's own. */
      readonly pack?: Packed
    }
  | { readonly kind: 'inline'; readonly path: string; readonly text: string }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string }

/** How to make a layer: layers are derived from blobs whenever they are read, and never stored (design 3). */
export interface LayerRecipe {
  readonly entries: readonly LayerEntry[]
}

/** The blobs that the layer is made from, each once, in the order of the entries. */
export function blobsOf(recipe: LayerRecipe): readonly BlobDescriptor[] {
  const files = recipe.entries.flatMap((entry) => (entry.kind === 'file' ? [fileOf(entry)] : []))
  return blobsOfFiles(files).map(({ digest, size }) => ({ digest, size }))
}

export function fileOf({ path, blob, size, pack }: LayerEntry & { readonly kind: 'file' }): ModelFile {
  return { path, digest: blob, size, ...(pack && { pack }) }
}

/** Equal recipes give equal text. */
export function encodeRecipe(recipe: LayerRecipe): string {
  return JSON.stringify({ version: 1, entries: recipe.entries.map(canonical) })
}

/** Throws DAMAGED for anything but what `encodeRecipe` gives: unsafe or repeated paths included. */
export function decodeRecipe(text: string): LayerRecipe {
  const parsed = parseJson(Buffer.from(text))
  if (parsed === undefined || parsed.version !== 1 || !Array.isArray(parsed.entries)) {
    throw damaged('it is not JSON of version 1')
  }
  const entries = (parsed.entries as unknown[]).map(decodeEntry)
  if (new Set(entries.map((entry) => entry.path)).size < entries.length) throw damaged('a path occurs twice')
  return { entries }
}

function canonical(entry: LayerEntry): LayerEntry {
  switch (entry.kind) {
    case 'directory':
      return { kind: entry.kind, path: entry.path, mode: entry.mode, uid: entry.uid, gid: entry.gid }
    case 'file':
      return {
        kind: entry.kind,
        path: entry.path,
        blob: entry.blob,
        size: entry.size,
        ...(entry.pack && { pack: canonicalPack(entry.pack) }),
      }
    case 'inline':
      return { kind: entry.kind, path: entry.path, text: entry.text }
    case 'symlink':
      return { kind: entry.kind, path: entry.path, target: entry.target }
  }
}

function canonicalPack({ digest, size, offset }: Packed): Packed {
  return { digest, size, offset }
}

function decodeEntry(value: unknown): LayerEntry {
  const fields = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  const { kind, path, mode, uid, gid, blob, size, pack, text, target } = fields
  if (typeof path !== 'string' || !isSafe(path)) throw damaged(`it has the path ${JSON.stringify(path)}`)
  if (kind === 'directory' && isCount(mode) && mode <= 0o7777 && isCount(uid) && isCount(gid)) {
    return { kind, path, mode, uid, gid }
  }
  if (kind === 'file' && typeof blob === 'string' && isDigest(blob) && isCount(size)) {
    if (pack === undefined) return { kind, path, blob, size }
    return { kind, path, blob, size, pack: decodePack(pack, size) ?? malformed(path) }
  }
  if (kind === 'inline' && typeof text === 'string') return { kind, path, text }
  if (kind === 'symlink' && typeof target === 'string' && target !== '' && !target.includes('\0')) {
    return { kind, path, target }
  }
  return malformed(path)
}

function decodePack(value: unknown, length: number): Packed | undefined {
  const { digest, size, offset } = (value ?? {}) as Record<string, unknown>
  const valid = typeof digest === 'string' && isDigest(digest) && isCount(size) && isCount(offset)
  return valid && offset + length <= size ? { digest, size, offset } : undefined
}

function malformed(path: string): never {
  throw damaged(`the entry ${JSON.stringify(path)} is malformed`)
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function isSafe(path: string): boolean {
  if (path.includes('\0')) return false
  return path.split('/').every((part) => !['', '.', '..'].includes(part) && !part.startsWith('.wh.'))
}

function damaged(why: string): BallastError {
  return new BallastError('DAMAGED', `not the recipe of a layer: ${why}`)
}
