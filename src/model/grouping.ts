import { compareBytes } from '../core/index.ts'

/** Up to here every file is a layer of its own: registries refuse manifests of many thousands of layers. */
export const MOST_SINGLE_FILES = 2000
/** In bytes. From this size on a file is never packed. */
export const PACKED_BELOW = 1024 * 1024
/** Bytes of files in one pack, without headers and padding. */
export const LARGEST_PACK = 64 * 1024 * 1024
export const MOST_FILES_IN_PACK = 10_000

export interface Grouping<F> {
  /** Those that are a blob each, in order of path bytes. */
  readonly single: readonly F[]
  /** Those that share a tar archive, in order of path bytes. */
  readonly packs: readonly (readonly F[])[]
}

/** Which files of a version are blobs and which are packed. Part of its identity: depends on paths and sizes alone. */
export function groupFiles<F extends { readonly path: string; readonly size: number }>(
  files: readonly F[],
): Grouping<F> {
  const sorted = [...files].sort((a, b) => compareBytes(a.path, b.path))
  if (sorted.length <= MOST_SINGLE_FILES) return { single: sorted, packs: [] }
  const packs: F[][] = []
  let room = 0
  for (const file of sorted.filter(({ size }) => size < PACKED_BELOW)) {
    const last = packs.at(-1)
    if (last === undefined || file.size > room || last.length === MOST_FILES_IN_PACK) {
      packs.push([file])
      room = LARGEST_PACK - file.size
    } else {
      last.push(file)
      room -= file.size
    }
  }
  return { single: sorted.filter(({ size }) => size >= PACKED_BELOW), packs }
}
