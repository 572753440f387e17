import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { BallastError, EXIT_CODES, explainSystemError, isBallastError, throwIfAborted } from './errors.ts'

test('exit codes are those that scripts rely on', () => {
  assert.deepEqual(EXIT_CODES, {
    USAGE: 2,
    NOT_FOUND: 3,
    REFUSED: 4,
    DAMAGED: 4,
    CONFLICT: 5,
    LOCKED: 5,
    REMOTE: 6,
    UNAUTHORIZED: 6,
    DISK: 7,
    INTERRUPTED: 130,
  })
})

test('a failed system call becomes a disk failure that names the path', async (t) => {
  const path = join(await temporaryDirectory(t), 'missing')
  const explained = explainSystemError(await readFile(path).catch((error: unknown) => error))
  assert.ok(isBallastError(explained, 'DISK'))
  assert.ok(explained.message.includes(path))
})

test('a full disk is explained with the command that frees space', () => {
  const full = Object.assign(new Error('write'), { code: 'ENOSPC' })
  const explained = explainSystemError(full)
  assert.ok(isBallastError(explained, 'DISK'))
  assert.match(explained.hint ?? '', /ballast gc/)
})

test('bugs and explained failures stay what they are', () => {
  const bug = new TypeError('a bug')
  const known = new BallastError('REFUSED', 'refused')
  assert.equal(explainSystemError(bug), bug)
  assert.equal(explainSystemError(known), known)
})

test('an aborted signal throws, and keeps the reason', () => {
  const reason = new Error('the user pressed Ctrl-C')
  assert.throws(() => throwIfAborted(AbortSignal.abort(reason)), { code: 'INTERRUPTED', cause: reason })
  throwIfAborted(new AbortController().signal)
  throwIfAborted(undefined)
})
