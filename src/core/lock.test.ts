import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startProcess } from '../../test/fixtures/processes.ts'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { isLocked, withLock } from './lock.ts'
import { ownIdentity } from './process-identity.ts'

test('eight processes never hold the lock at once', async (t) => {
  const directory = await temporaryDirectory(t)
  const counter = join(directory, 'counter')
  await writeFile(counter, '0')
  const processes = Array.from({ length: 8 }, () =>
    startProcess(t, 'count-under-lock', [join(directory, 'lock'), counter, '10']),
  )
  await Promise.all(processes.map(({ ended }) => ended))
  assert.equal(await readFile(counter, 'utf8'), '80')
})

test('calls in one process take turns', async (t) => {
  const lock = join(await temporaryDirectory(t), 'lock')
  let inside = 0
  let most = 0
  const turns = Array.from({ length: 20 }, () =>
    withLock(lock, { timeoutMs: 20_000 }, async () => {
      most = Math.max(most, ++inside)
      await sleep(1)
      inside--
    }),
  )
  await Promise.all(turns)
  assert.equal(most, 1)
})

test('a killed holder does not keep the lock', async (t) => {
  const lock = join(await temporaryDirectory(t), 'lock')
  const holder = startProcess(t, 'hold-lock', [lock])
  await holder.ready
  assert.equal(await isLocked(lock), true)
  await assert.rejects(
    withLock(lock, { timeoutMs: 0 }, async () => undefined),
    { code: 'LOCKED' },
  )
  await holder.kill()
  assert.equal(await isLocked(lock), false)
  assert.equal(await withLock(lock, { timeoutMs: 0 }, async () => 'mine'), 'mine')
})

test('a killed holder that nobody has reaped does not keep the lock', async (t) => {
  const lock = join(await temporaryDirectory(t), 'lock')
  // The shell becomes a program that never waits for its child, as a careless PID 1 of a container does.
  const careless = spawn('sh', ['-c', 'sleep 0.01 & echo $!; exec sleep 60'])
  t.after(() => careless.kill('SIGKILL'))
  const [line] = (await once(careless.stdout, 'data')) as [Buffer]
  const pid = Number(line.toString())
  const started = await startTimeOf(pid)
  await withLock(lock, { timeoutMs: 0 }, async () => undefined)
  await writeFile(join(lock, '2'), JSON.stringify({ ...ownIdentity(), pid, started }))
  for (let tries = 0; (await stateOf(pid)) !== 'Z'; tries++) {
    assert.ok(tries < 500, 'the child of the shell did not become a zombie')
    await sleep(5)
  }
  assert.equal(await isLocked(lock), false)
})

test('the lock is free again when the work has failed, and the failure comes through', async (t) => {
  const lock = join(await temporaryDirectory(t), 'lock')
  const failing = withLock(lock, { timeoutMs: 0 }, async () => {
    throw new Error('the work failed')
  })
  await assert.rejects(failing, /the work failed/)
  assert.equal(await isLocked(lock), false)
})

test('who waits gets the lock as soon as it is released', async (t) => {
  const lock = join(await temporaryDirectory(t), 'lock')
  const order: string[] = []
  const first = withLock(lock, { timeoutMs: 0 }, async () => {
    await sleep(60)
    order.push('first')
  })
  await sleep(10)
  const second = withLock(lock, { timeoutMs: 5000 }, async () => void order.push('second'))
  await Promise.all([first, second])
  assert.deepEqual(order, ['first', 'second'])
})

test('waiting stops when the signal is aborted', async (t) => {
  const lock = join(await temporaryDirectory(t), 'lock')
  await withLock(lock, { timeoutMs: 0 }, async () => {
    const signal = AbortSignal.timeout(30)
    await assert.rejects(
      withLock(lock, { timeoutMs: 30_000, signal }, async () => undefined),
      { code: 'INTERRUPTED' },
    )
  })
})

test('a claim that was taken before a higher one does not count', async (t) => {
  const lock = join(await temporaryDirectory(t), 'lock')
  for (let i = 0; i < 3; i++) await withLock(lock, { timeoutMs: 0 }, async () => undefined)
  // What a claimant leaves that saw number 1 as the highest and was then asleep for a while.
  await writeFile(join(lock, '2'), JSON.stringify(ownIdentity()))
  assert.equal(await isLocked(lock), false)
})

test('old claims are cleared away', async (t) => {
  const lock = join(await temporaryDirectory(t), 'lock')
  for (let i = 0; i < 10; i++) await withLock(lock, { timeoutMs: 0 }, async () => undefined)
  assert.deepEqual((await readdir(lock)).sort(), ['10', '10.released'])
})

async function stateOf(pid: number): Promise<string> {
  return (await fieldsOf(pid))[0] ?? ''
}

async function startTimeOf(pid: number): Promise<string> {
  return (await fieldsOf(pid))[19] ?? ''
}

async function fieldsOf(pid: number): Promise<readonly string[]> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

test('what went wrong with the work is thrown, also when the lock cannot be released', async (t) => {
  const directory = join(await temporaryDirectory(t), 'lock')
  const work = async (): Promise<never> => {
    await rm(directory, { recursive: true })
    throw new Error('the real reason')
  }
  await assert.rejects(withLock(directory, { timeoutMs: 0 }, work), /the real reason/)
})
