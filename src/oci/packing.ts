import { createHash } from 'node:crypto'
import { compareBytes } from '../core/index.ts'
import type { ModelFile } from '../model/index.ts'
import type { LayerEntry, LayerRecipe } from './layer-recipe.ts'

/** From this many bytes on a file is large: what else changes must not move it (design 4). */
export const LARGE_FILE = 64 * 1024 * 1024
/** Engines take 125 layers in all; this leaves room for the base and the small files. */
export const MOST_LARGE_LAYERS = 40
/** Bytes of files in one layer of small ones. A small file is never cut. */
export const LARGEST_SMALL_LAYER = 256 * 1024 * 1024

/**
 * The files of each layer. Depends on nothing but the paths and sizes: not on the order of the input, and large
 * files' layers not on the small files. Large files first, then the small ones, each group in path order.
 */
export function packFiles(files: readonly ModelFile[]): readonly (readonly ModelFile[])[] {
  const sorted = [...files].sort((a, b) => compareBytes(a.path, b.path))
  const large = sorted.filter((file) => file.size >= LARGE_FILE)
  const small = sorted.filter((file) => file.size < LARGE_FILE)
  return [...packLarge(large), ...packSmall(small)]
}

function packLarge(files: readonly ModelFile[]): readonly (readonly ModelFile[])[] {
  if (files.length <= MOST_LARGE_LAYERS) return files.map((file) => [file])
  const groups: ModelFile[][] = Array.from({ length: MOST_LARGE_LAYERS }, () => [])
  for (const file of files) groups[groupOf(file.path)]?.push(file)
  return groups.filter((group) => group.length > 0)
}

/** The digest of the path as one big number, modulo the number of groups. */
function groupOf(path: string): number {
  const hex = createHash('sha256').update(path).digest('hex')
  return Number(BigInt(`0x${hex}`) % BigInt(MOST_LARGE_LAYERS))
}

function packSmall(files: readonly ModelFile[]): readonly (readonly ModelFile[])[] {
  const layers: ModelFile[][] = []
  let room = 0
  for (const file of files) {
    if (layers.length === 0 || file.size > room) {
      layers.push([])
      room = LARGEST_SMALL_LAYER
    }
    layers.at(-1)?.push(file)
    room -= file.size
  }
  return layers
}

/** A directory's attributes, as a layer entry states them. */
export type DirectoryEntry = Extract<LayerEntry, { readonly kind: 'directory' }>

export interface ModelLayersOptions {
  readonly files: readonly ModelFile[]
  /** Where in the image, without a leading slash: `models/sentiment`. */
  readonly directory: string
  /** Directories of the base whose attributes are to be kept; others become 0755 0:0. */
  readonly parents: readonly DirectoryEntry[]
}

/** The layers of a model's files, in the order of `packFiles`; each states all the directories above its files. */
export function modelLayers({ files, directory, parents }: ModelLayersOptions): readonly LayerRecipe[] {
  return packFiles(files).map((group) => {
    const entries = group.map(
      (file): LayerEntry => ({
        kind: 'file',
        path: `${directory}/${file.path}`,
        blob: file.digest,
        size: file.size,
        ...(file.pack && { pack: file.pack }),
      }),
    )
    return withParents(entries, parents)
  })
}

/** The entries with every directory above them, in path order. `parents` says what the base has; the rest is 0755 0:0. */
export function withParents(entries: readonly LayerEntry[], parents: readonly DirectoryEntry[]): LayerRecipe {
  const known = new Map(parents.map((parent) => [parent.path, parent]))
  const all = new Map(entries.map((entry) => [entry.path, entry]))
  for (const { path } of entries) {
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
      const parent = path.slice(0, at)
      if (!all.has(parent)) all.set(parent, known.get(parent) ?? newDirectory(parent))
    }
  }
  return { entries: [...all.values()].sort((a, b) => compareBytes(a.path, b.path)) }
}

/** A directory that the base has not got. */
export function newDirectory(path: string): DirectoryEntry {
  return { kind: 'directory', path, mode: 0o755, uid: 0, gid: 0 }
}
