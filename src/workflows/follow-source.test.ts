import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, open, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { temporaryStore } from '../../test/fixtures/store.ts'
import { temporaryDirectory, writeFiles } from '../../test/fixtures/temporary.ts'
import type { BallastError } from '../core/index.ts'
import { parseReference } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import type { AddResult } from './add.ts'
import { followSource } from './follow-source.ts'

test('files are added, and again when they have changed; the same bytes again are no version', async (t) => {
  const { store, source, next } = await following(t, { 'weights.bin': 'one', 'config.json': '{}' })
  assert.deepEqual(await names(next()), ['m:1', 'm:dev'])
  await writeFile(join(source, 'weights.bin'), 'two')
  const second = await next()
  assert.deepEqual([second.ref, second.newBytes], ['m:2', 3])
  // Written to, but with the bytes that it had.
  await writeFile(join(source, 'config.json'), '{}')
  await sleep(2000)
  await rm(join(source, 'config.json'))
  const third = await next()
  assert.deepEqual([third.ref, third.files], ['m:3', 1])
  assert.equal(await digestOfTag(store, 'dev'), third.digest)
})

test('a file that is being written to becomes a version once it stays as it is', async (t) => {
  const { source, next } = await following(t, { 'weights.bin': 'one' })
  await next()
  const handle = await open(join(source, 'weights.bin'), 'w')
  for (let part = 0; part < 8; part++) {
    await handle.write('part')
    await sleep(250)
  }
  await handle.close()
  let versions = 1
  for (let bytes = 0; bytes !== 32; versions++) bytes = (await next()).bytes
  assert.ok(versions < 8, `${versions} versions`)
})

test('a file that has not changed is not read again', async (t) => {
  const { source, next, read } = await following(t, { 'weights.bin': 'large', 'config.json': '1' })
  await next()
  assert.deepEqual(read.splice(0).sort(), ['config.json', 'weights.bin'])
  await writeFile(join(source, 'config.json'), '2')
  await next()
  assert.deepEqual(read.splice(0), ['config.json'])
})

test('what cannot be added is told once and left out until it can be', async (t) => {
  const { source, next, troubles } = await following(t, { 'weights.bin': 'one' })
  await next()
  await symlink('/etc/hostname', join(source, 'out'))
  await until(() => troubles.length > 0)
  await sleep(1000)
  assert.equal(troubles.length, 1)
  assert.match(troubles[0]?.message ?? '', /symbolic link out leads out/)
  await rm(join(source, 'out'))
  await writeFile(join(source, 'weights.bin'), 'two')
  assert.equal((await next()).ref, 'm:2')
  await rm(source, { recursive: true })
  await until(() => troubles.length > 1)
  await mkdir(source)
  await writeFile(join(source, 'weights.bin'), 'three')
  assert.equal((await next()).ref, 'm:3')
})

test('what is wrong from the start is an error', async (t) => {
  const store = await temporaryStore(t)
  const source = await temporaryDirectory(t)
  const events = { onVersion: () => undefined, onTrouble: () => undefined }
  await assert.rejects(followSource(store, { name: 'm', sources: [source] }, events), { code: 'REFUSED' })
  await writeFile(join(source, 'weights.bin'), '')
  await assert.rejects(followSource(store, { name: 'm:7', sources: [source] }, events), { code: 'USAGE' })
})

interface Following {
  readonly store: Store
  readonly source: string
  /** The next version that is told. */
  readonly next: () => Promise<AddResult>
  readonly troubles: readonly BallastError[]
  /** Files whose bytes were read, in order. */
  readonly read: string[]
}

/** Stopped, and waited for, at the end of the test. */
async function following(t: TestContext, files: Readonly<Record<string, string>>): Promise<Following> {
  const store = await temporaryStore(t)
  const source = join(await temporaryDirectory(t), 'source')
  await writeFiles(source, files)
  for (const name of Object.keys(files)) await utimes(join(source, name), 1e9, 1e9)
  const stop = new AbortController()
  const told: AddResult[] = []
  const troubles: BallastError[] = []
  const read: string[] = []
  const news = new EventTarget()
  const following = followSource(
    store,
    { name: 'm:dev', sources: [source] },
    {
      signal: stop.signal,
      onProgress: (event) => {
        if (event.kind === 'start' && event.step === 'add') read.push(event.item)
      },
      onVersion: (result) => {
        told.push(result)
        news.dispatchEvent(new Event('version'))
      },
      onTrouble: (error) => void troubles.push(error),
    },
  )
  t.after(async () => {
    stop.abort()
    await following
  })
  const next = async (): Promise<AddResult> => {
    const waited = AbortSignal.timeout(20_000)
    if (told.length === 0) await once(news, 'version', { signal: waited })
    return told.shift() as AddResult
  }
  return { store, source, next, troubles, read }
}

async function until(holds: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 20_000; !holds() && performance.now() < deadline; )
    await sleep(50)
  assert.ok(holds(), 'it did not come to that within 20 s')
}

async function names(result: Promise<AddResult>): Promise<readonly (string | undefined)[]> {
  const { ref, tag } = await result
  return [ref, tag]
}

async function digestOfTag(store: Store, tag: string): Promise<string | undefined> {
  return store.records.resolve(parseReference(`m:${tag}`))
}
