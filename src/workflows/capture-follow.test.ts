import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { temporaryStore } from '../../test/fixtures/store.ts'
import { temporaryDirectory, writeFiles } from '../../test/fixtures/temporary.ts'
import type { BallastError } from '../core/index.ts'
import type { Store } from '../store/index.ts'
import type { CaptureRequest } from './capture.ts'
import type { CapturedDirectory } from './capture-directory.ts'
import { followCapture } from './capture-follow.ts'
import { show } from './show.ts'

const NOWHERE = { access: { dockerConfig: '/nowhere' }, engine: { dockerConfig: '/nowhere' } }

test('each checkpoint becomes a version once its marker is there, and is the parent of the next', async (t) => {
  const { store, directory, next, troubles } = await following(t, { marker: 'checkpoint-*/DONE' })
  await until(() => troubles.length > 0)
  assert.match(troubles[0]?.message ?? '', /no checkpoint in .*: there is no checkpoint-\*\/DONE/)
  await writeCheckpoint(directory, 1)
  const first = await next()
  assert.deepEqual([first.ref, first.tag, first.checkpoint], ['m:1', 'm:ckpt', 'checkpoint-1'])
  await writeFiles(directory, { 'checkpoint-2/w': 'torn' })
  await sleep(1000)
  await writeFiles(directory, { 'checkpoint-2/DONE': '' })
  const second = await next()
  assert.deepEqual([second.ref, second.checkpoint], ['m:2', 'checkpoint-2'])
  assert.equal((await show(store, 'm:2')).lineage[0]?.parent?.number, 1)
  await rm(join(directory, 'checkpoint-1'), { recursive: true })
  await writeCheckpoint(directory, 3)
  assert.deepEqual((await next()).checkpoint, 'checkpoint-3')
  assert.equal(troubles.length, 1)
})

test('without a marker the directory becomes a version whenever it has changed', async (t) => {
  const { directory, next } = await following(t, { exclude: ['*.log'] })
  await writeFiles(directory, { w: '1', 'run.log': '' })
  assert.deepEqual((await next()).files, 1)
  await writeFile(join(directory, 'run.log'), 'more')
  await writeFile(join(directory, 'w'), '22')
  const second = await next()
  assert.deepEqual([second.ref, second.bytes], ['m:2', 2])
})

test('what can never be followed is an error at once', async (t) => {
  const store = await temporaryStore(t)
  const directory = await temporaryDirectory(t)
  const events = { onVersion: () => undefined, onTrouble: () => undefined }
  const wrong: Readonly<Record<string, Partial<CaptureRequest>>> = {
    USAGE: { name: 'm:7' },
    NOT_FOUND: { operand: join(directory, 'absent') },
  }
  for (const [code, request] of Object.entries(wrong)) {
    const followed = followCapture(
      store,
      { operand: directory, name: 'm', ...request },
      { ...NOWHERE, ...events },
    )
    await assert.rejects(followed, { code })
  }
  const elsewhere = followCapture(store, { operand: 'image:x:/m', name: 'm' }, { ...NOWHERE, ...events })
  await assert.rejects(elsewhere, { code: 'USAGE' })
})

/** As a job does that never shows half of one. */
async function writeCheckpoint(directory: string, step: number): Promise<void> {
  const temporary = join(directory, `.tmp-${step}`)
  await mkdir(temporary)
  await writeFiles(temporary, { w: `${step}`, DONE: '' })
  await rename(temporary, join(directory, `checkpoint-${step}`))
}

interface Following {
  readonly store: Store
  readonly directory: string
  /** The next version that is told. */
  readonly next: () => Promise<CapturedDirectory>
  readonly troubles: readonly BallastError[]
}

/** Stopped, and waited for, at the end of the test. */
async function following(t: TestContext, request: Partial<CaptureRequest>): Promise<Following> {
  const store = await temporaryStore(t)
  const directory = await temporaryDirectory(t)
  const stop = new AbortController()
  const told: CapturedDirectory[] = []
  const troubles: BallastError[] = []
  const news = new EventTarget()
  const followed = followCapture(
    store,
    { operand: directory, name: 'm:ckpt', quietMs: 400, ...request },
    {
      ...NOWHERE,
      signal: stop.signal,
      onVersion: (result) => {
        told.push(result)
        news.dispatchEvent(new Event('version'))
      },
      onTrouble: (error) => void troubles.push(error),
    },
  )
  t.after(async () => {
    stop.abort()
    await followed
  })
  const next = async (): Promise<CapturedDirectory> => {
    if (told.length === 0) await once(news, 'version', { signal: AbortSignal.timeout(20_000) })
    return told.shift() as CapturedDirectory
  }
  return { store, directory, next, troubles }
}

async function until(holds: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 20_000; !holds() && performance.now() < deadline; )
    await sleep(50)
  assert.ok(holds(), 'it did not come to that within 20 s')
}
