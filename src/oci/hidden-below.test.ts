import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { digestOf, isBallastError } from '../core/index.ts'
import { type HiddenBelow, type HidingStep, hiddenBelow } from './hidden-below.ts'
import type { Inventory, InventoryEntry } from './inventory.ts'
import type { LayerEntry } from './layer-recipe.ts'
import { modelLayers } from './packing.ts'
import { type Placement, planPlacement } from './placement.ts'
import { mergeInventories, type RootView } from './root-view.ts'

const OWN = { mode: 0o755, uid: 0, gid: 0 }
const FILES = ['sub/c.json', 'w.bin'].map((path) => ({ path, digest: digestOf(path), size: 1 }))

test('a base that only states and fills the directories above hides nothing', () => {
  assert.equal(hidden({}, { entries: [dir('app'), file('app/main.py'), dir('app/models')] }), undefined)
  assert.equal(hidden({ whiteouts: ['app/other'], opaques: ['srv'] }), undefined)
})

const losses: Readonly<Record<string, readonly [Partial<Inventory>, HidingStep]>> = {
  'a whiteout of a directory above': [{ whiteouts: ['app'] }, { layer: 1, how: 'deletes', path: 'app' }],
  'a whiteout of a file': [
    { whiteouts: ['app/models/w.bin'] },
    { layer: 1, how: 'deletes', path: 'app/models/w.bin' },
  ],
  'an opaque directory': [{ opaques: ['app'] }, { layer: 1, how: 'empties', path: 'app' }],
  'an opaque root': [{ opaques: [''] }, { layer: 1, how: 'empties', path: '' }],
  'a file in the place of a directory': [
    { entries: [file('app/models')] },
    { layer: 1, how: 'replaces', path: 'app/models' },
  ],
  'a link in the place of a directory': [
    { entries: [{ path: 'app', type: 'symlink', ...OWN, link: 'opt' }] },
    { layer: 1, how: 'replaces', path: 'app' },
  ],
  'a file of the same path': [
    { entries: [file('app/models/w.bin')] },
    { layer: 1, how: 'replaces', path: 'app/models/w.bin' },
  ],
}
for (const [what, [layer, cause]] of Object.entries(losses)) {
  test(`${what} hides the model`, () => {
    assert.deepEqual(causeOf(hidden({ entries: [dir('app')] }, layer)), cause)
  })
}

test('a file that a later layer removes again has hidden the model all the same', () => {
  const found = hidden({ entries: [file('app/models')] }, { whiteouts: ['app/models'] })
  assert.deepEqual(causeOf(found), { layer: 0, how: 'replaces', path: 'app/models' })
})

test('a whiteout that reaches the model through a link is found, if not explained', () => {
  const link: InventoryEntry = { path: 'srv', type: 'symlink', ...OWN, link: 'app' }
  const found = hidden({ entries: [link] }, { whiteouts: ['srv/models'] })
  assert.deepEqual(found, { kind: 'lost', path: 'app/models/sub/c.json', cause: undefined })
})

test('a link that leads nowhere until the model is there, and is written through: the base would be another', () => {
  const link: InventoryEntry = { path: 'data', type: 'symlink', ...OWN, link: '/app/models' }
  const found = hidden({ entries: [link] }, { entries: [file('data/cache')] })
  assert.deepEqual(found, { kind: 'changed', path: 'data' })
})

test('what hides nothing changes nothing of the base either, whatever its layers do', () => {
  const name = fc.constantFrom('app', 'models', 'w.bin', 'x')
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))
  const entry: fc.Arbitrary<InventoryEntry> = fc.oneof(
    fc.tuple(path, fc.constantFrom(0o700, 0o750, 0o755)).map(([at, mode]) => ({ ...dir(at), mode, uid: 7 })),
    path.map((at) => file(at)),
    fc.tuple(path, path).map(([at, to]) => ({ path: at, type: 'symlink' as const, ...OWN, link: `/${to}` })),
  )
  const layer = fc.record({
    entries: fc.array(entry, { maxLength: 4 }),
    whiteouts: fc.array(path, { maxLength: 1 }),
    opaques: fc.array(path, { maxLength: 1 }),
  })
  let placed = 0
  fc.assert(
    fc.property(fc.array(layer, { maxLength: 4 }), (layers) => {
      const base = mergeInventories(layers)
      const placement = placedIn(base)
      if (placement === undefined) return
      const recipes = modelLayers({ files: FILES, ...placement })
      if (hiddenBelow(recipes, { inventories: layers, view: base }) !== undefined) return
      placed++
      const lower = recipes.flatMap(({ entries }) => entries.map(inventoryEntry))
      const view = mergeInventories([{ entries: lower, whiteouts: [], opaques: [] }, ...layers])
      const before = treeOf(base)
      const after = treeOf(view)
      for (const [at, text] of before) assert.equal(after.get(at), text, at)
      for (const { path: at } of FILES) {
        assert.equal(view.lookup(`${placement.directory}/${at}`)?.type, 'file', at)
      }
      const own = new Set(lower.map(({ path: at }) => at))
      for (const at of after.keys()) assert.ok(before.has(at) || own.has(at), at)
    }),
    { numRuns: 2000 },
  )
  assert.ok(placed > 200, `only ${placed} cases were placed`)
})

function causeOf(found: HiddenBelow | undefined): HidingStep | undefined {
  return found?.kind === 'lost' ? found.cause : undefined
}

function hidden(...layers: readonly Partial<Inventory>[]): HiddenBelow | undefined {
  const inventories = layers.map((layer) => ({ entries: [], whiteouts: [], opaques: [], ...layer }))
  const recipes = modelLayers({ files: FILES, directory: 'app/models', parents: [] })
  return hiddenBelow(recipes, { inventories, view: mergeInventories(inventories) })
}

/** Undefined where placement refuses the path. */
function placedIn(base: RootView): Placement | undefined {
  try {
    return planPlacement({
      base,
      volumes: [],
      directory: '/app/models',
      at: undefined,
      marker: Buffer.alloc(0),
    })
  } catch (error) {
    assert.ok(isBallastError(error, 'REFUSED'))
    return undefined
  }
}

function inventoryEntry(entry: LayerEntry): InventoryEntry {
  if (entry.kind === 'directory') return { ...entry, type: entry.kind }
  return { ...OWN, path: entry.path, type: 'file' }
}

function dir(path: string): InventoryEntry {
  return { path, type: 'directory', ...OWN }
}

function file(path: string): InventoryEntry {
  return { path, type: 'file', ...OWN }
}

/** Every path with what stands there, but for the layer that put it. */
function treeOf(view: RootView): ReadonlyMap<string, string> {
  return new Map([...view.entries()].map(([path, { layer: _, ...node }]) => [path, JSON.stringify(node)]))
}
