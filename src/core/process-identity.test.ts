import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { lifeOf, ownIdentity, parseIdentity, runsSince } from './process-identity.ts'

test('this process is alive', () => {
  assert.equal(lifeOf(ownIdentity()), 'alive')
})

test('a process that has ended is dead', async () => {
  const child = spawn(process.execPath, ['-e', ''])
  const pid = child.pid ?? 0
  await once(child, 'close')
  assert.equal(lifeOf({ ...ownIdentity(), pid }), 'dead')
})

test('a later process with the same pid is told apart by its start time', () => {
  assert.equal(lifeOf({ ...ownIdentity(), started: '1' }), 'dead')
})

test('a process that began after a time has not run since then', async () => {
  const child = spawn('sleep', ['60'])
  const pid = child.pid ?? 0
  await once(child, 'spawn')
  assert.equal(runsSince(pid, Date.now()), true)
  assert.equal(runsSince(pid, Date.now() - 60_000), false)
  assert.equal(runsSince(process.pid, performance.timeOrigin), true)
  child.kill('SIGKILL')
  await once(child, 'close')
  assert.equal(runsSince(pid, Date.now()), false)
})

test('a process of another boot or pid namespace is neither alive nor dead', () => {
  assert.equal(lifeOf({ ...ownIdentity(), scope: 'another-boot pid:[1]' }), 'unknown')
})

test('an identity survives being written down', () => {
  assert.deepEqual(parseIdentity(JSON.parse(JSON.stringify(ownIdentity()))), ownIdentity())
})

test('anything else is no identity', () => {
  for (const value of [null, undefined, 7, 'x', {}, { pid: '1', started: '2', scope: '3' }, { pid: 1 }]) {
    assert.equal(parseIdentity(value), undefined)
  }
})
