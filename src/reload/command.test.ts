import assert from 'node:assert/strict'
import { test } from 'node:test'
import { whyCommandFailed } from './command.ts'

function why(command: string, withinMs = 20_000): Promise<string | undefined> {
  const signal = AbortSignal.timeout(withinMs)
  return whyCommandFailed(command, { directory: '/', variables: { BALLAST_NUMBER: '3' }, signal })
}

test('a command that fails is told with how it ended and its last words', async () => {
  assert.equal(await why('test $BALLAST_NUMBER = 3'), undefined)
  assert.equal(await why('echo one; echo two >&2; exit 7'), 'it ended with 7: two')
  assert.equal(await why('kill -9 $$'), 'it ended with SIGKILL')
})

test('one that takes too long is ended, and what it writes without end is not kept', async () => {
  assert.equal(await why('while :; do echo more; done', 300), 'it took too long')
})
