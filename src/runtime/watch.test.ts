import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { getEventListeners } from 'node:events'
import { rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createTarget, temporaryDirectory, until, writeVersion } from '../../test/fixtures/lexicon-target.ts'
import { type ModelListener, resolveModel, type WatchOptions, watchModel } from './index.ts'

const watching = (
  t: TestContext,
  path: string,
  options: WatchOptions = {},
  listener: ModelListener = () => {},
) => {
  const numbers: (number | undefined)[] = []
  const errors: unknown[] = []
  const watch = watchModel(
    path,
    async (model) => {
      numbers.push(model.version?.number)
      await listener(model)
    },
    { pollMs: 20, onError: (error) => void errors.push(error), ...options },
  )
  t.after(() => watch.close())
  return { numbers, errors, close: () => watch.close() }
}

describe('watchModel', () => {
  for (const link of ['sentiment', '']) {
    it(`tells of each new version, never of the first, at ${link || "the target's root"}`, async (t) => {
      const target = await createTarget(t)
      await target.swap('sentiment', 1)
      const { numbers, errors } = watching(t, join(target.path, link))
      await pause(60)
      for (const number of [2, 3, 1]) {
        await target.swap('sentiment', number)
        await until(() => numbers.at(-1) === number, `version ${number}`)
      }
      assert.deepEqual(numbers, [2, 3, 1])
      assert.deepEqual(errors, [])
    })
  }

  it('is woken by the rename, long before it would look by itself', async (t) => {
    const target = await createTarget(t)
    await target.swap('sentiment', 1)
    const { numbers } = watching(t, join(target.path, 'sentiment'), { pollMs: 60_000 })
    await pause(60)
    await target.swap('sentiment', 2)
    await until(() => numbers.length > 0, 'the event')
  })

  it('misses nothing between a load and its own first look', async (t) => {
    const target = await createTarget(t)
    await target.swap('sentiment', 1)
    const since = await resolveModel(target.path)
    await target.swap('sentiment', 2)
    const { numbers } = watching(t, target.path, { since })
    await until(() => numbers.length > 0, 'version 2')
  })

  it('calls one at a time, goes on after a failing call, and ends with the newest', async (t) => {
    const target = await createTarget(t)
    await target.swap('sentiment', 1)
    let running = 0
    const { numbers, errors } = watching(t, target.path, {}, async () => {
      assert.equal(++running, 1)
      await pause(30)
      running--
      throw new Error('cannot be loaded')
    })
    await pause(60)
    for (let number = 2; number <= 60; number++) {
      await target.swap('sentiment', number)
      await pause(2)
    }
    await until(() => numbers.at(-1) === 60, 'the newest')
    await until(() => errors.length === numbers.length, 'the reports')
    assert.ok(numbers.length < 30, `${numbers.length} calls`)
    assert.match(String(errors[0]), /cannot be loaded/)
  })

  it('takes a missing link for news only when it stays away, and reports it once', async (t) => {
    const target = await createTarget(t)
    await target.swap('sentiment', 1)
    const link = join(target.path, 'sentiment')
    const { numbers, errors } = watching(t, link)
    await pause(60)
    await rename(link, `${link}.aside`)
    await until(() => errors.length > 0, 'the report')
    await pause(200)
    await rename(`${link}.aside`, link)
    await pause(100)
    assert.deepEqual(numbers, [])
    assert.equal(errors.length, 1)
    await target.swap('sentiment', 2)
    await until(() => numbers.length > 0, 'version 2')
  })

  it('never calls for a pinned or a plain directory, but follows a link that is swapped by hand', async (t) => {
    const root = await temporaryDirectory(t)
    await writeVersion(join(root, 'pinned'), 1)
    const pinned = watching(t, join(root, 'pinned'))
    await symlink('pinned', join(root, 'link'))
    const linked = watching(t, join(root, 'link'))
    await writeFile(join(root, 'noise'), '')
    await pause(80)
    await writeVersion(join(root, 'second'), 2)
    await symlink('second', join(root, 'next'))
    await rename(join(root, 'next'), join(root, 'link'))
    await until(() => linked.numbers.length > 0, 'version 2')
    assert.deepEqual([pinned.numbers, pinned.errors], [[], []])
  })

  it('ends by close and by signal, and leaves no listener on the signal', async (t) => {
    const target = await createTarget(t)
    await target.swap('sentiment', 1)
    const controller = new AbortController()
    const aborted = watching(t, target.path, { signal: controller.signal })
    const closed = watching(t, target.path, { signal: controller.signal })
    const late = watching(t, target.path, { signal: AbortSignal.abort() })
    await pause(60)
    closed.close()
    assert.equal(getEventListeners(controller.signal, 'abort').length, 1)
    controller.abort()
    assert.equal(getEventListeners(controller.signal, 'abort').length, 0)
    await target.swap('sentiment', 2)
    await pause(80)
    assert.deepEqual([aborted.numbers, closed.numbers, late.numbers], [[], [], []])
  })

  it('lets the process end, unless it is told to keep it', async (t) => {
    const target = await createTarget(t)
    const directory = await target.swap('sentiment', 1)
    const run = (keepAlive: boolean) =>
      promisify(execFile)(
        process.execPath,
        [
          '--input-type=module',
          '-e',
          `import { watchModel } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)}
           watchModel(${JSON.stringify(target.path)}, () => {}, { keepAlive: ${keepAlive}, pollMs: 20 })`,
        ],
        { timeout: keepAlive ? 1500 : 20_000 },
      )
    await run(false)
    await assert.rejects(run(true), { killed: true })
    await rm(directory, { recursive: true })
  })
})
