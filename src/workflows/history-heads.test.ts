import assert from 'node:assert/strict'
import { chmod, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { addVersion, asFormerStore, temporaryStore } from '../../test/fixtures/store.ts'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { digestOf } from '../core/index.ts'
import { parseName, parseTag } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { generateKeyPair } from '../trust/index.ts'
import { type CheckedHeads, checkHeads, exportHeads, type HistoryPlace } from './history-heads.ts'

const PROD = parseTag('prod')

test('histories go on from where they were, and what has come since is counted', async (t) => {
  const { at, move, file } = await place(t)
  await exportHeads(at(), { file })
  assert.deepEqual(states(await checkHeads(at(), { file })), [
    ['other (numbers)', 'unchanged', 1, 1],
    ['other:latest', 'unchanged', 1, 1],
    ['sentiment (numbers)', 'unchanged', 2, 2],
    ['sentiment:prod', 'unchanged', 2, 2],
  ])
  await move('x')
  await move('y')
  const checked = await checkHeads(at('sentiment'), { file })
  assert.deepEqual(states(checked), [
    ['sentiment (numbers)', 'unchanged', 2, 2],
    ['sentiment:prod', 'continued', 2, 4],
  ])
  assert.equal(checked.rewritten, 0)
})

test('a history that was rewritten is told by the first record that differs, chained as it may be', async (t) => {
  const { at, move, file, log, store } = await place(t)
  await move('x')
  await exportHeads(at('sentiment:prod'), { file })
  const from = (n: number): string => join(log, `000000000${n}.json`)
  for (const n of [3, 2]) await rm(from(n))
  await move('forged')
  await move('forged too')
  assert.deepEqual((await store.verify()).histories.broken, [], 'the new chain is sound in itself')
  const [found] = (await checkHeads(at(), { file })).histories
  assert.deepEqual(found, {
    history: 'sentiment:prod',
    ...{ was: 3, now: 3, state: 'rewritten', record: 2, path: from(2), why: 'is another one' },
  })
  await rm(from(3))
  await rm(from(2))
  const cut = await checkHeads(at(), { file })
  assert.deepEqual(states(cut), [['sentiment:prod', 'rewritten', 3, 1]])
  await rm(join(store.root, 'ballast/repositories/sentiment'), { recursive: true })
  assert.equal((await checkHeads(at('sentiment'), { file })).rewritten, 1)
})

test('a record that was put behind the head without continuing it counts as rewritten', async (t) => {
  const { at, move, file, log } = await place(t)
  await exportHeads(at(), { file })
  await move('x')
  await move('y')
  const third = join(log, '0000000003.json')
  const text = await readFile(third, 'utf8')
  await chmod(third, 0o644)
  await writeFile(third, text.replace(/"previous":"sha256:[0-9a-f]{64}"/, `"previous":"${digestOf('z')}"`))
  const [found] = (await checkHeads(at('sentiment:prod'), { file })).histories
  assert.equal(found?.state === 'rewritten' && found.record, 3)
})

test('records from before they were chained count too', async (t) => {
  const { at, file, log, store } = await place(t)
  await asFormerStore(store.root)
  await exportHeads(at(), { file })
  const first = join(log, '0000000001.json')
  await chmod(first, 0o644)
  await writeFile(first, (await readFile(first, 'utf8')).replace('"by":"add"', '"by":"tag"'))
  const [found] = (await checkHeads(at('sentiment:prod'), { file })).histories
  assert.equal(found?.state === 'rewritten' && found.record, 1)
})

test('with a key, only what its holder has signed is believed', async (t) => {
  const { at, file } = await place(t)
  const [ours, theirs] = [await generateKeyPair(''), await generateKeyPair('')]
  const exported = await exportHeads(at(), { file, signer: ours.signer })
  const key = ours.signer.publicKey
  const checked = await checkHeads(at(), { file, key })
  assert.deepEqual([checked.rewritten, checked.signedBy], [0, exported.signedBy])
  assert.equal((await checkHeads(at(), { file })).signedBy, undefined)
  const refused = { code: 'REFUSED' }
  await assert.rejects(checkHeads(at(), { file, key: theirs.signer.publicKey }), refused)
  const bundle = JSON.parse(await readFile(file, 'utf8'))
  const payload = Buffer.from(bundle.dsseEnvelope.payload, 'base64').toString()
  bundle.dsseEnvelope.payload = Buffer.from(payload.replace('other', 'outer')).toString('base64')
  await writeFile(file, JSON.stringify(bundle))
  await assert.rejects(checkHeads(at(), { file, key }), refused)
  await exportHeads(at(), { file })
  await assert.rejects(checkHeads(at(), { file, key }), refused)
})

test('what is no such file, or knows nothing of the model, is told', async (t) => {
  const { at, file } = await place(t)
  await assert.rejects(checkHeads(at(), { file }), { code: 'NOT_FOUND' })
  for (const text of ['', '{}', '{"mediaType":"application/vnd.ballast.history.heads.v1+json"}']) {
    await writeFile(file, text)
    await assert.rejects(checkHeads(at(), { file }), { code: 'USAGE' })
  }
  await exportHeads(at('other'), { file })
  await assert.rejects(checkHeads(at('sentiment'), { file }), { code: 'NOT_FOUND' })
  await assert.rejects(exportHeads(at('nothing'), { file }), { code: 'NOT_FOUND' })
  const nowhere = join(file, '..', 'nowhere', 'heads.json')
  await assert.rejects(exportHeads(at(), { file: nowhere }), { code: 'NOT_FOUND', message: /no directory/ })
})

async function place(t: TestContext): Promise<{
  readonly at: (operand?: string) => HistoryPlace
  readonly move: (text: string) => Promise<unknown>
  readonly store: Store
  readonly log: string
  readonly file: string
}> {
  const store = await temporaryStore(t)
  await addVersion(store, 'sentiment:prod', { a: '1' })
  await addVersion(store, 'sentiment:prod', { a: '2' })
  await addVersion(store, 'other', { a: '1' })
  return {
    store,
    file: join(await temporaryDirectory(t), 'heads.json'),
    log: join(store.root, 'ballast/repositories/sentiment/tags/prod'),
    at: (operand) => ({ store: async () => store, operand, access: {} as HistoryPlace['access'] }),
    async move(text) {
      await using session = await store.begin()
      const digest = digestOf(text)
      return await store.records.moveTag(session, parseName('sentiment'), PROD, {
        digest,
        kind: 'model',
        by: 'tag',
      })
    },
  }
}

function states({ histories }: CheckedHeads): readonly unknown[] {
  return histories.map(({ history, state, was, now }) => [history, state, was, now])
}
