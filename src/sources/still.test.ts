import assert from 'node:assert/strict'
import { appendFile, open, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { temporaryDirectory, writeFiles } from '../../test/fixtures/temporary.ts'
import { isBallastError } from '../core/index.ts'
import { type Scan, scanLocalFiles } from './local-files.ts'
import { whenStill } from './still.ts'

test('files that have changed lately are waited for', async (t) => {
  const { directory, find } = await model(t)
  const writing = (async () => {
    for (let part = 0; part < 8; part++) {
      await appendFile(join(directory, 'weights.bin'), 'part')
      await sleep(100)
    }
  })()
  const sizes = await whenStill(find, async ({ scan }) => scan.files.map(({ size }) => size), {
    quietMs: 500,
  })
  await writing
  assert.deepEqual(sizes, [32])
})

test('files that have long been as they are are not waited for', async (t) => {
  const { find } = await model(t)
  await sleep(300)
  const started = performance.now()
  await whenStill(find, async ({ confirm }) => confirm(), { quietMs: 200 })
  assert.ok(performance.now() - started < 2000)
})

test('where they never stand still it is refused, and the file is named', async (t) => {
  const { find } = await model(t)
  const refused = whenStill(find, async () => undefined, { quietMs: 60_000, waitMs: 300 })
  await assert.rejects(
    refused,
    (error) => isBallastError(error, 'REFUSED') && /weights\.bin/.test(error.message),
  )
})

for (const [what, change] of Object.entries({
  'written to': (directory: string) => writeFile(join(directory, 'weights.bin'), 'others'),
  'joined by another': (directory: string) => writeFile(join(directory, 'new.bin'), ''),
  removed: (directory: string) => rm(join(directory, 'weights.bin')),
})) {
  test(`work with files of which one is ${what} meanwhile is not confirmed, and done again`, async (t) => {
    const { directory, find } = await model(t, { 'config.json': '{}' })
    let attempts = 0
    const files = await whenStill(
      find,
      async ({ scan, confirm }) => {
        if (++attempts === 1) await change(directory)
        await confirm()
        return scan.files.length
      },
      { quietMs: 0 },
    )
    assert.equal(attempts, 2)
    assert.equal(files, (await find()).files.length)
  })
}

test('a file that is open for writing is waited for', { skip: process.platform !== 'linux' }, async (t) => {
  const { directory, find } = await model(t)
  // Its own descriptors are this process's business; another one has to have it open.
  const { spawn } = await import('node:child_process')
  const child = spawn('sh', ['-c', 'exec 3>>weights.bin; sleep 1'], { cwd: directory })
  t.after(() => child.kill())
  await sleep(300)
  const refused = whenStill(find, async () => undefined, { quietMs: 0, waitMs: 0 })
  await assert.rejects(
    refused,
    /weights\.bin is open for writing: sleep \(process|weights\.bin is open for writing: sh/,
  )
  await whenStill(find, async ({ confirm }) => confirm(), { quietMs: 0 })
  const own = await open(join(directory, 'weights.bin'), 'a')
  await own.close()
})

async function model(
  t: TestContext,
  more: Readonly<Record<string, string>> = {},
): Promise<{ readonly directory: string; readonly find: () => Promise<Scan> }> {
  const directory = await writeFiles(await temporaryDirectory(t), { 'weights.bin': '', ...more })
  return { directory, find: () => scanLocalFiles([directory]) }
}
