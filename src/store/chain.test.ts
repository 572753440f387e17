import assert from 'node:assert/strict'
import { chmod, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { temporaryStore } from '../../test/fixtures/store.ts'
import { digestOf } from '../core/index.ts'
import { parseName, parseTag } from '../model/index.ts'
import { breaksOf, type Link } from './chain.ts'
import type { Store } from './store.ts'

const NAME = parseName('team/sentiment')
const PROD = parseTag('prod')

test('each record but the first names the one before it by the digest of its bytes', async (t) => {
  const { log } = await moved(t, 3)
  const texts = await Promise.all((await namesIn(log)).map((name) => readFile(join(log, name), 'utf8')))
  assert.deepEqual(
    texts.map((text) => JSON.parse(text).previous),
    [undefined, digestOf(texts[0] ?? ''), digestOf(texts[1] ?? '')],
  )
})

test('what is told of a record does not say what it names', async (t) => {
  const { store } = await moved(t, 2)
  const [, second] = await store.records.history(NAME, PROD)
  assert.deepEqual(Object.keys(second?.record ?? {}).sort(), ['by', 'digest', 'kind', 'time'])
})

test('a sound history has no problems, and its records are counted', async (t) => {
  const { store } = await moved(t, 3)
  assert.deepEqual((await store.verify()).histories, { records: 3, broken: [] })
})

test('a record that is changed, removed or put in is found by verify, by the name of its file', async (t) => {
  const { store, log } = await moved(t, 5)
  const file = (n: number): string => join(log, `000000000${n}.json`)
  const brokenOnce = async (change: () => Promise<void>): Promise<readonly (readonly [string, string])[]> => {
    const before = await Promise.all(
      (await namesIn(log)).map(async (name) => [name, await readFile(join(log, name))] as const),
    )
    await change()
    const { broken } = (await store.verify()).histories
    for (const name of await namesIn(log)) await rm(join(log, name))
    for (const [name, bytes] of before) await writeFile(join(log, name), bytes, { mode: 0o444 })
    return broken.map(({ path, why }) => [path, why] as const)
  }
  const rewrite = async (n: number, change: (text: string) => string): Promise<void> => {
    await chmod(file(n), 0o644)
    await writeFile(file(n), change(await readFile(file(n), 'utf8')))
  }
  const isNot = (n: number): string => `is not the record after which 000000000${n}.json was written`
  assert.deepEqual(await brokenOnce(() => rewrite(2, (text) => text.replace('"by":"1"', '"by":"x"'))), [
    [file(2), isNot(3)],
  ])
  assert.deepEqual(await brokenOnce(() => rewrite(2, (text) => `${text} `)), [[file(2), isNot(3)]])
  assert.deepEqual(await brokenOnce(() => rm(file(3))), [[file(3), 'is missing']])
  assert.deepEqual(await brokenOnce(() => rm(file(1))), [[file(1), 'is missing']])
  assert.deepEqual(await brokenOnce(() => rewrite(5, (text) => text.replace(/,"previous":"[^"]*"/, ''))), [
    [file(5), 'names no former record, although those before it do'],
  ])
  assert.deepEqual(await brokenOnce(() => rewrite(4, () => '{"cut')), [[file(4), 'cannot be read']])
})

test('records that name none are held to nothing, until the first that does', () => {
  const link = (sequence: number, previous?: number): Link => ({
    sequence,
    digest: digestOf(`${sequence}`),
    previous: previous === undefined ? undefined : digestOf(`${previous}`),
    isReadable: true,
  })
  assert.deepEqual(breaksOf([]), [])
  assert.deepEqual(breaksOf([link(1), link(2), link(3, 2), link(4, 3)]), [])
  assert.deepEqual(
    breaksOf([link(1), link(2), link(3, 1), link(4)]).map(({ sequence }) => sequence),
    [2, 4],
  )
  assert.deepEqual(
    breaksOf([link(3, 2), link(5, 4)]).map(({ sequence }) => sequence),
    [1, 2, 4],
  )
  assert.deepEqual(
    breaksOf([link(1, 0)]).map(({ sequence }) => sequence),
    [1],
  )
})

async function moved(
  t: TestContext,
  times: number,
): Promise<{ readonly store: Store; readonly log: string }> {
  const store = await temporaryStore(t)
  await using session = await store.begin()
  for (let n = 0; n < times; n++) {
    const move = { digest: digestOf(`${n}`), kind: 'model', by: `${n}` } as const
    await store.records.moveTag(session, NAME, PROD, move)
  }
  return { store, log: join(store.root, 'ballast/repositories/team+sentiment/tags/prod') }
}

async function namesIn(log: string): Promise<readonly string[]> {
  return (await readdir(log)).sort()
}
