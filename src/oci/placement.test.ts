import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isBallastError } from '../core/index.ts'
import type { InventoryEntry } from './inventory.ts'
import { decodeRecipe, encodeRecipe } from './layer-recipe.ts'
import { type Placement, type PlacementOptions, planPlacement } from './placement.ts'
import { mergeInventories } from './root-view.ts'

const OWN = { mode: 0o755, uid: 0, gid: 0 }
const ENTRIES: readonly InventoryEntry[] = [
  { path: 'app', type: 'directory', mode: 0o750, uid: 1000, gid: 1000 },
  { path: 'app/main.py', type: 'file', ...OWN },
  { path: 'app/empty', type: 'directory', ...OWN },
  { path: 'app/full', type: 'directory', ...OWN },
  { path: 'app/full/model.pkl', type: 'file', ...OWN },
  { path: 'app/link', type: 'symlink', ...OWN, link: 'full' },
  { path: 'srv', type: 'symlink', ...OWN, link: '/opt/deep/srv' },
  { path: 'opt/deep/srv', type: 'directory', mode: 0o711, uid: 5, gid: 6 },
]

test('an ordinary placement: the marker, a relative link, parents as the base has them', () => {
  const placed = plan({ at: '/app/models' })
  assert.equal(placed.directory, 'models/sentiment')
  assert.deepEqual(placed.recipe.entries, [
    { kind: 'directory', path: 'app', mode: 0o750, uid: 1000, gid: 1000 },
    { kind: 'symlink', path: 'app/models', target: '../models/sentiment' },
    { kind: 'directory', path: 'models', ...OWN },
    { kind: 'directory', path: 'models/sentiment', ...OWN },
    { kind: 'directory', path: 'models/sentiment/.ballast', ...OWN },
    { kind: 'inline', path: 'models/sentiment/.ballast/model.json', text: '{"ü":1}' },
  ])
  assert.deepEqual(decodeRecipe(encodeRecipe(placed.recipe)), placed.recipe)
})

test('no link without a path, or where the path is the directory itself', () => {
  for (const at of [undefined, '/models/sentiment', '/models/sentiment/']) {
    assert.equal(linkOf(plan({ at })), undefined)
  }
})

test('an empty directory may be replaced', () => {
  assert.deepEqual(linkOf(plan({ at: '/app/empty' })), ['app/empty', '../models/sentiment'])
})

test('the link is written where a symlink of the base leads, and computed from there', () => {
  const placed = plan({ at: '/srv/models' })
  assert.deepEqual(linkOf(placed), ['opt/deep/srv/models', '../../../models/sentiment'])
  const parent = placed.recipe.entries.find((entry) => entry.path === 'opt/deep/srv')
  assert.deepEqual(parent, { kind: 'directory', path: 'opt/deep/srv', mode: 0o711, uid: 5, gid: 6 })
})

test('a link beside the model', () => {
  assert.deepEqual(linkOf(plan({ at: '/models/current' })), ['models/current', 'sentiment'])
  assert.deepEqual(linkOf(plan({ at: '/m' })), ['m', 'models/sentiment'])
})

test('a models directory that is a symlink in the base is followed', () => {
  const base = viewOf([
    { path: 'data', type: 'directory', ...OWN },
    { path: 'models', type: 'symlink', ...OWN, link: 'data/ml' },
  ])
  const placed = plan({ base, at: '/m' })
  assert.equal(placed.directory, 'data/ml/sentiment')
  assert.deepEqual(linkOf(placed), ['m', 'data/ml/sentiment'])
})

test('a link of the base that leads to the model already needs no other', () => {
  const base = viewOf([{ path: 'm', type: 'symlink', ...OWN, link: '/models/sentiment' }])
  assert.equal(linkOf(plan({ base, at: '/m' })), undefined)
})

test('files at the path itself: --real-path', () => {
  const placed = plan({ directory: '/app/empty', at: '/app/empty' })
  assert.equal(placed.directory, 'app/empty')
  assert.equal(linkOf(placed), undefined)
  assert.deepEqual(
    placed.parents.map((parent) => [parent.path, parent.mode]),
    [
      ['app', 0o750],
      ['app/empty', 0o755],
    ],
  )
  refused({ directory: '/app/full', at: undefined }, /not empty/)
})

const refusals: Readonly<Record<string, readonly [Partial<PlacementOptions>, RegExp]>> = {
  'a file': [{ at: '/app/main.py' }, /already has a file/],
  'below a file': [{ at: '/app/main.py/x' }, /not a directory/],
  'a directory with content': [{ at: '/app/full' }, /not empty \(model.pkl\)/],
  'a directory with directories': [{ at: '/app' }, /not empty/],
  'a symlink': [{ at: '/app/link' }, /symlink to full/],
  'the root': [{ at: '/' }, /the root/],
  'many slashes': [{ at: '///' }, /the root/],
  'a relative path': [{ at: 'app/models' }, /not absolute/],
  'an empty path': [{ at: '' }, /not absolute/],
  'a path with ..': [{ at: '/app/../models' }, /\.\./],
  'a path with a control character': [{ at: '/app/a\nb' }, /control/],
  'a whiteout': [{ at: '/app/.wh.main.py' }, /\.wh\./],
  'inside the model': [{ at: '/models/sentiment/x' }, /inside the model/],
  'above the model': [{ at: '/models' }, /would hide the model's directory/],
  'at a volume': [{ at: '/app/models', volumes: ['/app/models'] }, /VOLUME \/app\/models/],
  'below a volume': [{ at: '/app/models', volumes: ['/app/'] }, /VOLUME \/app, which would hide/],
  'above a volume': [{ at: '/app/models', volumes: ['/app/models/cache'] }, /lies inside/],
  'below a volume through a symlink': [{ at: '/srv/models', volumes: ['/opt/deep'] }, /VOLUME/],
  'a volume through a symlink': [{ at: '/opt/deep/srv/m', volumes: ['/srv'] }, /VOLUME/],
  'the model below a volume': [{ volumes: ['/models'] }, /VOLUME/],
  'a volume at the root': [{ volumes: ['/'] }, /VOLUME/],
  'inside another model': [{ at: '/app/models/x', others: ['/app/models'] }, /another model/],
  'another model at the directory': [{ others: ['/models/sentiment'] }, /another model/],
}
for (const [what, [options, message]] of Object.entries(refusals)) {
  test(`refused: ${what}`, () => refused(options, message))
}

test('a volume elsewhere is no matter', () => {
  plan({ at: '/app/models', volumes: ['/data', '/app/model', '/models/other'], others: ['/models/other'] })
})

test('links always lead to the model, wherever they stand', () => {
  const path = fc.array(fc.constantFrom('a', 'b', 'models', 'sentiment', 'srv'), {
    minLength: 1,
    maxLength: 5,
  })
  fc.assert(
    fc.property(path, path, (at, directory) => {
      let placed: Placement
      try {
        placed = plan({ at: `/${at.join('/')}`, directory: `/${directory.join('/')}` })
      } catch (error) {
        assert.ok(isBallastError(error, 'REFUSED'))
        return
      }
      const after = mergeInventories([
        { entries: ENTRIES, whiteouts: [], opaques: [] },
        {
          entries: placed.recipe.entries.map((entry): InventoryEntry => {
            const own = { path: entry.path, ...OWN }
            if (entry.kind === 'symlink') return { ...own, type: 'symlink', link: entry.target }
            return { ...own, type: entry.kind === 'directory' ? 'directory' : 'file' }
          }),
          whiteouts: [],
          opaques: [],
        },
      ])
      assert.equal(
        after.resolve(`/${at.join('/')}/.ballast/model.json`).path,
        `${placed.directory}/.ballast/model.json`,
      )
    }),
  )
})

function plan(options: Partial<PlacementOptions>): Placement {
  return planPlacement({
    base: viewOf(ENTRIES),
    volumes: [],
    directory: '/models/sentiment',
    at: undefined,
    marker: Buffer.from('{"ü":1}'),
    ...options,
  })
}

function refused(options: Partial<PlacementOptions>, message: RegExp): void {
  assert.throws(
    () => plan(options),
    (error) => {
      assert.ok(isBallastError(error, 'REFUSED'))
      assert.match(error.message, message)
      assert.ok(error.hint)
      return true
    },
  )
}

function linkOf({ recipe }: Placement): readonly [string, string] | undefined {
  for (const entry of recipe.entries) if (entry.kind === 'symlink') return [entry.path, entry.target]
  return undefined
}

function viewOf(entries: readonly InventoryEntry[]): PlacementOptions['base'] {
  return mergeInventories([{ entries, whiteouts: [], opaques: [] }])
}
