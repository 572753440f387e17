import assert from 'node:assert/strict'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createTarget, until } from '../../test/fixtures/lexicon-target.ts'
import { ModelError, openModel, type ResolvedModel } from './index.ts'

const load = (model: ResolvedModel): Promise<string> => readFile(model.file('number'), 'utf8')

describe('openModel', () => {
  it('swaps the value once the new version is loaded; what was taken before stays usable', async (t) => {
    const target = await createTarget(t)
    await target.swap('sentiment', 1)
    const swaps: string[] = []
    const opened = await openModel(target.path, load, {
      pollMs: 20,
      onSwap: (current, former) => void swaps.push(`${former.value}>${current.value}`),
    })
    t.after(() => opened.close())
    const taken = opened.current
    await target.swap('sentiment', 2)
    await until(() => opened.current.value === '2', 'version 2')
    assert.deepEqual([taken.value, taken.model.version?.number], ['1', 1])
    assert.equal(opened.current.model.version?.number, 2)
    assert.deepEqual(swaps, ['1>2'])
  })

  it('keeps the former version when the new one cannot be loaded, without a load on the way back', async (t) => {
    const target = await createTarget(t)
    const errors: unknown[] = []
    let loads = 0
    const directory = await target.swap('sentiment', 1)
    const opened = await openModel(
      target.path,
      (model) => {
        loads++
        return load(model)
      },
      { pollMs: 20, onError: (error) => void errors.push(error) },
    )
    t.after(() => opened.close())
    await target.swap('sentiment', 2, (made) => mkdir(join(made, 'number')))
    await until(() => errors.length === 1, 'the report')
    assert.deepEqual([opened.current.value, opened.current.model.directory, loads], ['1', directory, 2])
    assert.equal(opened.problem, errors[0])
    await target.back('sentiment', directory)
    await until(() => opened.problem === undefined, 'the way back')
    assert.equal(loads, 2)
    await target.swap('sentiment', 3)
    await until(() => opened.current.value === '3', 'version 3')
    assert.equal(errors.length, 1)
  })

  it('names as its problem a path that is not there, until it is again', async (t) => {
    const target = await createTarget(t)
    const directory = await target.swap('sentiment', 1)
    const opened = await openModel(target.path, load, { pollMs: 10 })
    t.after(() => opened.close())
    await rm(join(target.path, 'sentiment'))
    await until(() => opened.problem instanceof ModelError, 'the problem')
    assert.equal(opened.current.value, '1')
    await target.back('sentiment', directory)
    await until(() => opened.problem === undefined, 'its end')
  })

  it('throws when the first load fails, and when there is no model', async (t) => {
    const target = await createTarget(t)
    await assert.rejects(openModel(target.path, load), ModelError)
    await target.swap('sentiment', 1, (made) => mkdir(join(made, 'number')))
    await assert.rejects(openModel(target.path, load), { code: 'EISDIR' })
  })

  it('loads the next version when the first is removed under the load', async (t) => {
    const target = await createTarget(t)
    const directory = await target.swap('sentiment', 1)
    const opened = await openModel(target.path, async (model) => {
      if (model.directory === directory) {
        await target.swap('sentiment', 2)
        await rm(directory, { recursive: true })
      }
      return load(model)
    })
    t.after(() => opened.close())
    assert.equal(opened.current.value, '2')
  })

  it('discards a load that ends after close', async (t) => {
    const target = await createTarget(t)
    await target.swap('sentiment', 1)
    let release = (): void => {}
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    let began = false
    const opened = await openModel(
      target.path,
      async (model) => {
        if (model.version?.number === 2) {
          began = true
          await gate
        }
        return load(model)
      },
      { pollMs: 20 },
    )
    await target.swap('sentiment', 2)
    await until(() => began, 'the second load')
    opened.close()
    release()
    await pause(20)
    assert.equal(opened.current.value, '1')
  })

  it('never shows a value of another version than the one beside it', async (t) => {
    const target = await createTarget(t)
    const write = (number: number) => async (made: string) => {
      await writeFile(join(made, 'number'), `${number}`)
      await writeFile(join(made, 'again'), `${number}`)
    }
    await target.swap('sentiment', 1, write(1))
    const opened = await openModel(
      target.path,
      async (model) => [await load(model), await readFile(model.file('again'), 'utf8')],
      { pollMs: 5 },
    )
    t.after(() => opened.close())
    const seen = new Set<number | undefined>()
    const check = (): void => {
      const { model, value } = opened.current
      assert.deepEqual(value, [`${model.version?.number}`, `${model.version?.number}`])
      seen.add(model.version?.number)
    }
    for (let number = 2; number <= 80; number++) {
      await target.swap('sentiment', number, write(number))
      await pause(4)
      check()
    }
    await until(() => opened.current.model.version?.number === 80, 'the newest')
    check()
    assert.ok(seen.size > 5, `${seen.size} versions seen`)
  })
})
