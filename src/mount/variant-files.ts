import { join } from 'node:path'
import { BallastError, listIfPresent, makeDirectory, readIfPresent, writeFileDurably } from '../core/index.ts'
import {
  decodeVariants,
  encodeVariants,
  formerVariants,
  OWN_DIRECTORY,
  type VariantSet,
} from '../model/index.ts'
import { DIRECTORY_MODE, FILE_MODE, VARIANTS } from './names.ts'

/** Undefined where the link was never split. Throws DAMAGED. */
export async function readVariants(target: string, link: string): Promise<VariantSet | undefined> {
  const path = join(target, variantsFile(link))
  const bytes = await readIfPresent(path)
  return bytes && decodeVariantsFile(bytes, path)
}

/** Where the variants of a link stand, below the target. */
export function variantsFile(link: string): string {
  return `${VARIANTS}/${link}.json`
}

/** Throws DAMAGED; `path` is for the message. */
export function decodeVariantsFile(bytes: Uint8Array, path: string): VariantSet {
  const set = decodeVariants(bytes)
  if (set !== undefined) return set
  throw new BallastError('DAMAGED', `${path} cannot be read`, {
    hint: `delete that file and split again; until then the application gets what it had`,
  })
}

/** By the names of the links. Throws DAMAGED. */
export async function listVariants(target: string): Promise<ReadonlyMap<string, VariantSet>> {
  const sets = new Map<string, VariantSet>()
  for (const file of (await listIfPresent(join(target, VARIANTS))).toSorted()) {
    const link = file.endsWith('.json') ? file.slice(0, -'.json'.length) : ''
    const set = link === '' ? undefined : await readVariants(target, link)
    if (set !== undefined) sets.set(link, set)
  }
  return sets
}

/** All of it at once, by one rename. */
export async function writeVariants(
  target: string,
  { link, set }: { readonly link: string; readonly set: VariantSet },
): Promise<void> {
  await makeDirectory(join(target, VARIANTS), DIRECTORY_MODE)
  await writeFileDurably(join(target, variantsFile(link)), encodeVariants(set), {
    mode: FILE_MODE,
    // Where those of a killed process are swept up.
    temporaryDirectory: join(target, OWN_DIRECTORY),
  })
}

/**
 * The versions that somebody may open because a set says so: those of each set, of the ones that were replaced less than the time
 * ago, and of what is gone back to where an application does not take the set. Throws DAMAGED.
 */
export async function variantGenerations(target: string, graceMs: number): Promise<readonly string[]> {
  const ids: string[] = []
  for (const set of (await listVariants(target)).values()) {
    if (set.proof?.is === 'pending') ids.push(...formerVariants(set).variants.map(({ id }) => id))
    const sets = [...set.former, set]
    sets.forEach(({ variants }, index) => {
      const replaced = sets[index + 1]?.time
      const isRecent = replaced === undefined || Math.abs(Date.now() - Date.parse(replaced)) < graceMs
      if (isRecent) ids.push(...variants.map(({ id }) => id))
    })
  }
  return ids
}
