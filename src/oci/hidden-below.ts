import type { Inventory } from './inventory.ts'
import type { LayerRecipe } from './layer-recipe.ts'
import { mergeInventories, type RootNode, type RootView } from './root-view.ts'

/** Why a model cannot lie below the base's layers. Paths are without a leading slash. */
export type HiddenBelow =
  /** `path` of the model would be lost; the cause is undefined where several layers bring that about together. */
  | { readonly kind: 'lost'; readonly path: string; readonly cause: HidingStep | undefined }
  /** `path` of the base would be another thing than it is. */
  | { readonly kind: 'changed'; readonly path: string }

/** What one layer of the base does to a path. */
export interface HidingStep {
  readonly layer: number
  readonly how: 'deletes' | 'empties' | 'replaces'
  readonly path: string
}

/** What the base's layers say, lowest first, and what they make together. */
export interface LayeredBase {
  readonly inventories: readonly Inventory[]
  readonly view: RootView
}

/**
 * Whether the base's layers would hide a part of a model that lies below them all: an application may
 * delete, empty or replace what stands there, and means its own former files by it. Also whether the base would
 * change: a link of its own that leads nowhere may lead to the model's directory then. Undefined when all is well.
 */
export function hiddenBelow(recipes: readonly LayerRecipe[], base: LayeredBase): HiddenBelow | undefined {
  const model = inventoryOf(recipes)
  const view = mergeInventories([model, ...base.inventories])
  const lost = model.entries.find(
    ({ path, type }) => type !== 'directory' && view.lookup(path)?.layer !== MODEL_LAYER,
  )
  if (lost !== undefined)
    return { kind: 'lost', path: lost.path, cause: causeOf(lost.path, base.inventories) }
  const own = new Set(model.entries.map(({ path }) => path))
  const changed = changedPath(base.view, { after: view, added: own })
  return changed === undefined ? undefined : { kind: 'changed', path: changed }
}

/** The first path that is another thing afterwards, is gone, or has come without being among what was added. */
function changedPath(
  before: RootView,
  { after, added }: { readonly after: RootView; readonly added: ReadonlySet<string> },
): string | undefined {
  const missing = new Map(before.entries())
  for (const [path, node] of after.entries()) {
    const former = missing.get(path)
    if (former === undefined ? !added.has(path) : !isSame(former, node)) return path
    missing.delete(path)
  }
  const [gone] = missing.keys()
  return gone
}

/** The layer apart, which is counted otherwise and for directories that no layer states may be the model's. */
function isSame(a: RootNode, b: RootNode): boolean {
  const owner = a.mode === b.mode && a.uid === b.uid && a.gid === b.gid
  return owner && a.type === b.type && a.link === b.link && a.size === b.size
}

const MODEL_LAYER = 0

function inventoryOf(recipes: readonly LayerRecipe[]): Inventory {
  const entries = recipes.flatMap((recipe) =>
    recipe.entries.map((entry) => {
      if (entry.kind === 'directory') return { ...entry, type: entry.kind }
      const own = { path: entry.path, mode: 0o644, uid: 0, gid: 0 }
      if (entry.kind === 'symlink') return { ...own, type: entry.kind, link: entry.target }
      return { ...own, type: 'file' } as const
    }),
  )
  return { entries, whiteouts: [], opaques: [] }
}

function causeOf(path: string, base: readonly Inventory[]): HidingStep | undefined {
  const above = parentsOf(path)
  const hit = (paths: readonly string[]): string | undefined =>
    paths.find((other) => other === path || above.has(other))
  for (const [layer, { entries, whiteouts, opaques }] of base.entries()) {
    const emptied = opaques.find((other) => above.has(other))
    if (emptied !== undefined) return { layer, how: 'empties', path: emptied }
    const deleted = hit(whiteouts)
    if (deleted !== undefined) return { layer, how: 'deletes', path: deleted }
    const replaced = entries.find(
      (entry) => entry.path === path || (above.has(entry.path) && entry.type !== 'directory'),
    )
    if (replaced !== undefined) return { layer, how: 'replaces', path: replaced.path }
  }
  return undefined
}

/** The directories above a path; the root is the empty one. */
function parentsOf(path: string): ReadonlySet<string> {
  const parts = path.split('/')
  return new Set(parts.map((_, depth) => parts.slice(0, depth).join('/')))
}
