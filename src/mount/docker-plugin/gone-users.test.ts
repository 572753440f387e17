import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestOf } from '../../core/index.ts'
import { type Traces, usersLeft } from './gone-users.ts'
import type { Volume } from './state.ts'

const PODMAN = '2f73349cfc4630255319c6c8dfc1b46a8996ace9d14d8e07563b165915918ec2'
const nothing: Traces = { isMounted: false, isShared: false, containers: 0 }

test('who mounted long ago has gone where no container and no process has the volume', () => {
  assert.deepEqual(left({ old: 3600, recent: 1 }, nothing), ['recent'])
})

test('whoever a process still has it mounted for stays, whatever the Engine says', () => {
  assert.deepEqual(left({ old: 3600 }, { ...nothing, isMounted: true }), ['old'])
  assert.deepEqual(left({ old: 3600 }, { ...nothing, isMounted: true, containers: undefined }), ['old'])
})

test('a mount of a tree that another volume shows too may be the other one: then the Engine decides', () => {
  const shared = { ...nothing, isMounted: true, isShared: true }
  assert.deepEqual(left({ old: 3600 }, shared), [])
  assert.deepEqual(left({ old: 3600 }, { ...shared, containers: 1 }), ['old'])
  assert.deepEqual(left({ old: 3600 }, shared, { rw: true }), ['old'])
  assert.deepEqual(left({ old: 3600 }, shared, { follow: true }), ['old'])
})

test('where no Engine answers, more time has to pass', () => {
  assert.deepEqual(left({ old: 3600, recent: 60 }, { ...nothing, containers: undefined }), ['recent'])
  assert.deepEqual(left({ recent: 60 }, nothing), [])
})

test("Podman's identifier stands for all of its containers and is left to it", () => {
  assert.deepEqual(left({ [PODMAN]: 3600, old: 3600 }, nothing), [PODMAN])
})

/** Users by how many seconds ago they mounted. */
function left(
  users: Readonly<Record<string, number>>,
  traces: Traces,
  options: { readonly follow?: boolean; readonly rw?: boolean } = {},
): readonly string[] {
  const volume: Volume = {
    name: 'models',
    created: '',
    options: { ref: 'm', follow: false, rw: false, ...options },
    users: new Map(
      Object.entries(users).map(([id, ago]) => [id, { count: 1, since: Date.now() - ago * 1000 }]),
    ),
    served: {
      tree: 'tree',
      marker: { model: 'm', digest: digestOf(''), number: 1, reference: 'm:latest' },
    },
  }
  return [...usersLeft(volume, traces).keys()]
}
