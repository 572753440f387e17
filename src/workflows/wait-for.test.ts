import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BallastError, isBallastError } from '../core/index.ts'
import { waitFor } from './wait-for.ts'

test('what is not there yet is waited for, and each new reason is told once', async () => {
  const told: string[] = []
  const answers = [['a'], ['a'], ['b'], []]
  let looked = 0
  const answer = await waitFor(
    async () => {
      if (looked++ === 0) throw new BallastError('NOT_FOUND', 'no volume')
      return answers[looked - 2] ?? []
    },
    (faults) => faults,
    { timeoutMs: 60_000, onWait: (why) => told.push(why) },
  )
  assert.deepEqual(answer, [])
  assert.deepEqual(told, ['no volume', 'a', 'b'])
})

test('when the time is up, the last answer or failure is given', async () => {
  const options = { timeoutMs: 0, onWait: () => assert.fail('nothing is waited for') }
  const faults = (answer: readonly string[]): readonly string[] => answer
  assert.deepEqual(await waitFor(async () => ['still'], faults, options), ['still'])
  const missing = async (): Promise<readonly string[]> => {
    throw new BallastError('NOT_FOUND', 'no volume')
  }
  await assert.rejects(waitFor(missing, faults, options), (error) => isBallastError(error, 'NOT_FOUND'))
})

test('a mistake in the operand is not waited for', async () => {
  const look = async (): Promise<readonly string[]> => {
    throw new BallastError('USAGE', 'no such operand')
  }
  const options = { timeoutMs: 60_000, onWait: () => undefined }
  await assert.rejects(
    waitFor(look, (answer) => answer, options),
    (error) => isBallastError(error, 'USAGE'),
  )
})
