import assert from 'node:assert/strict'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startProcess } from '../../test/fixtures/processes.ts'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { appendRecord, readHead, readLog } from './log.ts'

test('a log that does not exist is empty, and reading it creates nothing', async (t) => {
  const { log, parent } = await place(t)
  assert.deepEqual(await readLog(log), [])
  assert.equal(await readHead(log), undefined)
  assert.deepEqual(await readdir(parent), ['temporary'])
})

test('records come back in the order in which they were appended', async (t) => {
  const { log, temporary } = await place(t)
  for (const text of ['a', 'b', 'c'])
    await appendRecord(log, async () => ({ text }), { temporaryDirectory: temporary })
  assert.deepEqual(await readLog(log), [
    { sequence: 1, record: { text: 'a' } },
    { sequence: 2, record: { text: 'b' } },
    { sequence: 3, record: { text: 'c' } },
  ])
  assert.deepEqual(await readHead(log), { sequence: 3, record: { text: 'c' } })
})

test('of 64 appends at once none is lost', async (t) => {
  const { log, temporary } = await place(t)
  const appends = Array.from({ length: 64 }, (_, at) =>
    appendRecord(log, async () => ({ at }), { temporaryDirectory: temporary }),
  )
  const entries = await Promise.all(appends)
  const records = await readLog<{ at: number }>(log)
  assert.deepEqual(
    records.map(({ record }) => record.at).sort((a, b) => a - b),
    Array.from({ length: 64 }, (_, at) => at),
  )
  for (const entry of entries) assert.deepEqual(records[(entry?.sequence ?? 0) - 1], entry)
  assert.deepEqual(await readdir(temporary), [])
})

test('of the appends of several processes none is lost, and each keeps its own order', async (t) => {
  const { log, temporary } = await place(t)
  const writers = ['a', 'b', 'c', 'd']
  const processes = writers.map((writer) => startProcess(t, 'append-records', [log, temporary, writer, '12']))
  await Promise.all(processes.map(({ ended }) => ended))
  const records = (await readLog<{ writer: string; index: number }>(log)).map(({ record }) => record)
  assert.equal(records.length, 48)
  for (const writer of writers) {
    const own = records.filter((record) => record.writer === writer)
    assert.deepEqual(
      own.map(({ index }) => index),
      Array.from({ length: 12 }, (_, at) => at),
    )
  }
})

test('a record is never made from an outdated log', async (t) => {
  const { log, temporary } = await place(t)
  const appends = Array.from({ length: 20 }, () =>
    appendRecord<{ n: number }>(log, async ({ head }) => ({ n: ((await head())?.record.n ?? 0) + 1 }), {
      temporaryDirectory: temporary,
    }),
  )
  await Promise.all(appends)
  assert.deepEqual(
    (await readLog<{ n: number }>(log)).map(({ record }) => record.n),
    Array.from({ length: 20 }, (_, at) => at + 1),
  )
})

test('nothing is appended when the writer sees that nothing is to be done', async (t) => {
  const { log, temporary } = await place(t)
  assert.equal(await appendRecord(log, async () => undefined, { temporaryDirectory: temporary }), undefined)
  assert.deepEqual(await readLog(log), [])
})

test('a record that cannot be read is damage, not the end of the log', async (t) => {
  const { log, temporary } = await place(t)
  await appendRecord(log, async () => ({ text: 'a' }), { temporaryDirectory: temporary })
  await writeFile(join(log, '0000000002.json'), '{"cut sho')
  await assert.rejects(readLog(log), { code: 'DAMAGED', message: /0000000002\.json/ })
  await assert.rejects(readHead(log), { code: 'DAMAGED' })
})

test('files of others beside the records are ignored', async (t) => {
  const { log, temporary } = await place(t)
  await appendRecord(log, async () => ({ text: 'a' }), { temporaryDirectory: temporary })
  await writeFile(join(log, '.0000000002.json.tmp'), 'x')
  await writeFile(join(log, 'notes'), 'x')
  assert.equal((await readLog(log)).length, 1)
})

async function place(t: TestContext): Promise<{ parent: string; log: string; temporary: string }> {
  const parent = await temporaryDirectory(t)
  const temporary = join(parent, 'temporary')
  await mkdir(temporary)
  return { parent, log: join(parent, 'log'), temporary }
}
