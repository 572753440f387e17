import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isBallastError } from '../core/index.ts'
import type { Inventory, InventoryEntry } from './inventory.ts'
import { mergeInventories } from './root-view.ts'

const OWN = { mode: 0o755, uid: 0, gid: 0 }

test('later layers lie over earlier ones', () => {
  const view = mergeInventories([
    layer([dir('app', 0o700), file('app/a'), file('app/b'), dir('x'), file('x/y')]),
    layer([dir('app', 0o750), file('app/c'), file('x')], { whiteouts: ['app/a'] }),
  ])
  assert.equal(view.lookup('/app')?.mode, 0o750)
  assert.deepEqual(view.children('app'), ['b', 'c'])
  assert.equal(view.lookup('x')?.type, 'file')
  assert.equal(view.lookup('x/y'), undefined)
  assert.deepEqual(view.children('/'), ['app', 'x'])
})

test('a whiteout hides what lower layers have, wherever it stands, and nothing of its own layer', () => {
  const view = mergeInventories([
    layer([dir('d'), file('d/old'), dir('e'), file('e/old')]),
    layer([dir('d'), file('d/new'), file('e/old')], { opaques: ['d'], whiteouts: ['e/old', 'nothing/here'] }),
  ])
  assert.deepEqual(view.children('d'), ['new'])
  assert.deepEqual(view.children('e'), ['old'])
})

test('a directory that is emptied is empty; files and what is missing are not', () => {
  const view = mergeInventories([
    layer([dir('d'), file('d/a'), file('f')]),
    layer([], { whiteouts: ['d/a'] }),
  ])
  assert.equal(view.isEmptyDirectory('/d/'), true)
  assert.equal(view.isEmptyDirectory('f'), false)
  assert.equal(view.isEmptyDirectory('g'), false)
})

test('the whole root may be opaque, and the root entry changes no name', () => {
  const view = mergeInventories([layer([file('a')]), layer([dir('', 0o700), file('b')], { opaques: [''] })])
  assert.deepEqual(view.children(''), ['b'])
  assert.equal(view.lookup('')?.mode, 0o700)
})

test('entries below a symlink of a lower layer go where it leads', () => {
  const view = mergeInventories([
    layer([dir('usr'), dir('usr/lib'), link('lib', 'usr/lib')]),
    layer([file('lib/libc.so')], { whiteouts: [] }),
    layer([file('lib/other')], { whiteouts: ['lib/libc.so'] }),
  ])
  assert.equal(view.lookup('lib')?.type, 'symlink')
  assert.deepEqual(view.children('usr/lib'), ['other'])
})

test('files have their sizes, hard links those of their files, and everything the layer that put it there', () => {
  const view = mergeInventories([
    layer([dir('d'), { ...file('d/a'), size: 7 }, { ...file('d/b'), size: 8 }]),
    layer([dir('d'), { ...file('d/b'), size: 9 }, { ...file('d/h'), type: 'hardlink', link: './d/a' }]),
  ])
  const found = ['d', 'd/a', 'd/b', 'd/h'].map((path) => view.lookup(path))
  assert.deepEqual(
    found.map((node) => [node?.size, node?.layer]),
    [
      [undefined, 1],
      [7, 0],
      [9, 1],
      [7, 1],
    ],
  )
})

test('paths are resolved as in a chroot', () => {
  const view = mergeInventories([
    layer([
      dir('srv', 0o711),
      { ...dir('srv/app', 0o770), uid: 1000, gid: 1001 },
      link('app', 'srv/app'),
      link('srv/app/up', '../../../../srv'),
      link('abs', '/srv/./app'),
      link('chain', 'abs'),
      link('srv/app/last', 'elsewhere'),
      link('away', 'new/place'),
    ]),
  ])
  const real = (path: string): string => view.resolve(path).path
  assert.equal(real('/app/models'), 'srv/app/models')
  assert.equal(real('/app/up/x'), 'srv/x')
  assert.equal(real('/abs/up/app/x'), 'srv/app/x')
  assert.equal(real('/chain/x/y'), 'srv/app/x/y')
  assert.equal(real('/app/last'), 'srv/app/last')
  assert.equal(real('/away/x'), 'new/place/x')
  assert.equal(real('/none/x'), 'none/x')
  assert.deepEqual(view.resolve('/app/new/x').parents, [
    { kind: 'directory', path: 'srv', mode: 0o711, uid: 0, gid: 0 },
    { kind: 'directory', path: 'srv/app', mode: 0o770, uid: 1000, gid: 1001 },
    { kind: 'directory', path: 'srv/app/new', mode: 0o755, uid: 0, gid: 0 },
  ])
})

test('loops and files in the way are refused', () => {
  const view = mergeInventories([layer([link('a', 'b'), link('b', '/a'), file('f'), link('self', 'self/x')])])
  for (const path of ['/a/x', '/f/x', '/self/x']) {
    assert.throws(
      () => view.resolve(path),
      (error) => isBallastError(error, 'REFUSED'),
      path,
    )
  }
})

test('a hundred thousand entries are merged and looked up quickly', () => {
  const entries: InventoryEntry[] = []
  for (let at = 0; at < 100_000; at++) entries.push(file(`usr/lib/python3/${at % 300}/pkg/${at}.py`))
  const start = performance.now()
  const view = mergeInventories([
    layer(entries),
    layer(entries),
    layer([], { whiteouts: entries.slice(0, 5000).map((e) => e.path) }),
  ])
  assert.equal(view.lookup('usr/lib/python3/1/pkg/9001.py')?.type, 'file')
  assert.equal(view.lookup('usr/lib/python3/1/pkg/1.py'), undefined)
  assert.ok(performance.now() - start < 5000)
})

function layer(entries: readonly InventoryEntry[], more: Partial<Inventory> = {}): Inventory {
  return { entries, whiteouts: [], opaques: [], ...more }
}

function dir(path: string, mode = 0o755): InventoryEntry {
  return { path, type: 'directory', ...OWN, mode }
}

function file(path: string): InventoryEntry {
  return { path, type: 'file', ...OWN }
}

function link(path: string, target: string): InventoryEntry {
  return { path, type: 'symlink', ...OWN, link: target }
}
