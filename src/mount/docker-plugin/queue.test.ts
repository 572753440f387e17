import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { createJoined, createQueues, createSharedWrite } from './queue.ts'

test('work of one key runs in turn, also after a failure; that of another does not wait', async () => {
  const inTurn = createQueues()
  const order: string[] = []
  const { promise: held, resolve: release } = Promise.withResolvers<void>()
  const first = inTurn('a', async () => {
    await held
    order.push('a1')
    throw new Error('it failed')
  })
  const second = inTurn('a', async () => order.push('a2'))
  await inTurn('b', async () => order.push('b'))
  release()
  await assert.rejects(first, /it failed/)
  await second
  assert.deepEqual(order, ['b', 'a1', 'a2'])
})

test('work under way is joined, and begins anew once it has ended', async () => {
  const joined = createJoined<number>()
  let runs = 0
  const work = async (): Promise<number> => {
    await turn()
    return ++runs
  }
  assert.deepEqual(await Promise.all([joined('a', work), joined('a', work)]), [1, 1])
  assert.equal(await joined('a', work), 2)
})

test('everybody who asks has what they asked for written, in fewer writes than there are askers', async () => {
  let state = 0
  const written: number[] = []
  const save = createSharedWrite(async () => {
    const now = state
    await turn()
    written.push(now)
  })
  const asked = Array.from({ length: 50 }, async () => {
    const mine = ++state
    await save()
    assert.ok((written.at(-1) ?? 0) >= mine)
  })
  await Promise.all(asked)
  assert.ok(written.length < 50, `${written.length} writes`)
})
