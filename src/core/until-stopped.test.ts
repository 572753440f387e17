import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BallastError } from './errors.ts'
import { untilStopped } from './until-stopped.ts'

const refused = (message: string): BallastError => new BallastError('REFUSED', message)

test('a failure is told once, and again after the work has succeeded or failed otherwise', async () => {
  const outcomes = [
    undefined,
    refused('a'),
    refused('a'),
    refused('b'),
    refused('a'),
    undefined,
    refused('a'),
  ]
  const told: string[] = []
  const stop = new AbortController()
  let turn = 0
  const working = untilStopped(
    async () => {
      const outcome = outcomes[turn++]
      if (turn === outcomes.length) stop.abort()
      if (outcome !== undefined) throw outcome
    },
    { signal: stop.signal, pauseMs: () => 0, onTrouble: ({ message }) => told.push(message) },
  )
  await assert.rejects(working, { code: 'INTERRUPTED' })
  assert.deepEqual(told, ['a', 'b', 'a', 'a'])
})

test('a bug ends it, and so does work that was interrupted', async () => {
  const options = { signal: undefined, pauseMs: () => 0, onTrouble: () => assert.fail('nothing to tell') }
  for (const thrown of [new TypeError('a bug'), new BallastError('INTERRUPTED', 'stopped')]) {
    const working = untilStopped(() => Promise.reject(thrown), options)
    await assert.rejects(working, { message: thrown.message })
  }
})

test('a failed call to the file system is told as one, and the next turn waits longer', async () => {
  const stop = new AbortController()
  const pauses: number[] = []
  let begun = performance.now()
  const working = untilStopped(
    async () => {
      pauses.push(performance.now() - begun)
      begun = performance.now()
      if (pauses.length === 2) stop.abort()
      throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', syscall: 'write', path: '/x' })
    },
    {
      signal: stop.signal,
      pauseMs: () => 1,
      troubleMs: () => 200,
      onTrouble: (error) => assert.equal(error.code, 'DISK'),
    },
  )
  await assert.rejects(working, { code: 'INTERRUPTED' })
  assert.ok((pauses[1] ?? 0) >= 190, `${pauses}`)
})
