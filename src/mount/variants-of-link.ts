import { join } from 'node:path'
import { isBallastError } from '../core/index.ts'
import { editVariants, type Marker } from '../model/index.ts'
import { VARIANTS } from './names.ts'
import { readVariants, writeVariants } from './variant-files.ts'

/**
 * Under the lock of a delivery, once the link leads there: the variants that are to be what it leads to are. A set that
 * cannot be read keeps no delivery back; the problem is returned.
 */
export async function moveWithLink(
  target: string,
  {
    link,
    id,
    marker,
    by,
  }: { readonly link: string; readonly id: string; readonly marker: Marker; readonly by: string },
): Promise<readonly string[]> {
  try {
    const before = await readVariants(target, link)
    if (before === undefined) return []
    const moved = before.variants.filter(({ ofLink }) => ofLink === true)
    const placed = new Map(moved.map(({ name }) => [name, { id, ...marker, ofLink: true as const }]))
    const edit = { placed, weights: new Map(), withdrawn: [], routes: new Map() }
    const set = editVariants(before, edit, { time: new Date().toISOString(), by })
    if (set !== before) await writeVariants(target, { link, set })
    return []
  } catch (error) {
    if (!isBallastError(error, 'DAMAGED')) throw error
    return [`${join(target, VARIANTS)}: ${error.message}; its variants stay as they are`]
  }
}
