import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { digestOf } from '../core/index.ts'
import { pidIn } from './listeners.ts'
import { tell } from './tell.ts'

test('a process that has got the number of one that has ended is not the one of the file, and gets no signal', async (t) => {
  const pidFile = join(await temporaryDirectory(t), 'api.pid')
  const child = spawn('sleep', ['60'])
  t.after(() => child.kill('SIGKILL'))
  await once(child, 'spawn')
  await writeFile(pidFile, `${child.pid}\n`)
  assert.equal(await pidIn(pidFile), child.pid)

  const before = new Date(Date.now() - 60_000)
  await utimes(pidFile, before, before)
  assert.equal(await pidIn(pidFile), undefined)
  const telling = {
    directory: '/',
    engine: undefined,
    version: { model: 'sentiment', digest: digestOf('a version'), number: 3, name: 'sentiment' },
    signal: AbortSignal.timeout(10_000),
  }
  const told = await tell({ name: 'api', pidFile }, { kind: 'signal', signal: 'SIGTERM' }, telling)
  assert.deepEqual(told, { why: 'api does not run', again: true })
  assert.equal(child.signalCode, null)
})

test('a file without the number of a process that runs names none', async (t) => {
  const pidFile = join(await temporaryDirectory(t), 'api.pid')
  assert.equal(await pidIn(pidFile), undefined)
  const child = spawn('true')
  await once(child, 'close')
  for (const text of [`${child.pid}`, '', 'soon', '-1', '0']) {
    await writeFile(pidFile, text)
    assert.equal(await pidIn(pidFile), undefined, text)
  }
})
