import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileOf, flipBit } from '../../test/fixtures/store.ts'
import { indexOf } from '../../test/fixtures/store-facts.ts'
import { pathsIn, writeFiles } from '../../test/fixtures/temporary.ts'
import { place } from '../../test/fixtures/version-place.ts'
import { isBallastError } from '../core/index.ts'
import { add } from './add.ts'
import { diff } from './diff.ts'
import { history } from './history.ts'
import { list } from './list.ts'
import { show } from './show.ts'
import { rollbackTag } from './tag.ts'
import { verify } from './upkeep.ts'

/** Only images need credentials. */
const NO_IMAGES = { dockerConfig: '/nowhere' }

test('what was added is listed and shown as it is', async (t) => {
  const { store, addFiles } = await place(t)
  const added = await addFiles('sentiment', { 'config.json': '{}', 'w/weights.bin': 'weights' })
  assert.deepEqual(
    { ...added, digest: '' },
    {
      ref: 'sentiment:1',
      digest: '',
      tag: 'sentiment:latest',
      files: 2,
      bytes: 9,
      newBytes: 9,
      isNew: true,
      warnings: [],
    },
  )
  const [listed] = await list(store)
  assert.deepEqual(
    { ...listed, added: '' },
    {
      ref: 'sentiment:1',
      digest: added.digest,
      tags: ['latest'],
      files: 2,
      bytes: 9,
      added: '',
      format: 'plain',
      precision: undefined,
      parameters: undefined,
      figures: {},
      usedBy: {},
      metadata: {},
    },
  )
  for (const text of ['sentiment', 'sentiment:1', 'sentiment:latest', `sentiment@${added.digest}`]) {
    const shown = await show(store, text)
    assert.deepEqual(
      [shown.model, shown.number, shown.digest, shown.tags],
      ['sentiment', 1, added.digest, ['latest']],
    )
    assert.deepEqual(
      shown.files.map(({ path }) => path),
      ['config.json', 'w/weights.bin'],
    )
  }
})

test('the same files again are the same version, and bring no new bytes', async (t) => {
  const { addFiles } = await place(t)
  const first = await addFiles('sentiment', { a: 'same' })
  const second = await addFiles('sentiment', { a: 'same' })
  assert.deepEqual([second.ref, second.digest], [first.ref, first.digest])
  assert.deepEqual([second.isNew, second.newBytes], [false, 0])
  const elsewhere = await addFiles('other', { a: 'same' })
  assert.deepEqual([elsewhere.ref, elsewhere.digest, elsewhere.newBytes], ['other:1', first.digest, 0])
})

test('a second version brings only the bytes that changed', async (t) => {
  const { addFiles } = await place(t)
  await addFiles('sentiment', { weights: 'many bytes', config: 'old' })
  const second = await addFiles('sentiment', { weights: 'many bytes', config: 'new!' })
  assert.deepEqual([second.ref, second.bytes, second.newBytes, second.isNew], ['sentiment:2', 14, 4, true])
})

test('a tag moves alone, and a number is claimed and moves latest', async (t) => {
  const { store, addFiles } = await place(t)
  const first = await addFiles('sentiment', { a: '1' })
  const prod = await addFiles('sentiment:prod', { a: '2' })
  assert.deepEqual([prod.ref, prod.tag], ['sentiment:2', 'sentiment:prod'])
  assert.equal((await show(store, 'sentiment')).digest, first.digest)
  const ninth = await addFiles('sentiment:9', { a: '9' })
  assert.deepEqual([ninth.ref, ninth.tag], ['sentiment:9', 'sentiment:latest'])
  assert.equal((await addFiles('sentiment', { a: '10' })).ref, 'sentiment:10')
  await assert.rejects(addFiles('sentiment:9', { a: 'other' }), { code: 'CONFLICT' })
})

test('a digest cannot be chosen', async (t) => {
  const { addFiles } = await place(t)
  const { digest } = await addFiles('sentiment', { a: '1' })
  await assert.rejects(addFiles(`sentiment@${digest}`, { a: '1' }), { code: 'USAGE' })
})

test('pickles are warned of', async (t) => {
  const { addFiles } = await place(t)
  const { warnings } = await addFiles('sentiment', {
    'model.pkl': 'p',
    'x.bin': Buffer.from([0x80, 4, 0x95]),
  })
  assert.match(warnings.join(), /model\.pkl and 1 more are pickles/)
})

test('two sources with a file of the same name are refused before a store is made', async (t) => {
  const { store, directory } = await place(t)
  await writeFiles(directory, { 'a/x': '1', 'b/x': '2' })
  const sources = [join(directory, 'a'), join(directory, 'b')]
  await assert.rejects(add(store, { name: 'sentiment', sources }), {
    code: 'REFUSED',
    message: /two files called "x"/,
  })
  assert.deepEqual(
    (await pathsIn(join(store.root, '..'))).filter((path) => path.startsWith('store')),
    [],
  )
})

test('an add that is interrupted leaves no version and no half-written file', async (t) => {
  const { store, directory, addFiles } = await place(t)
  await addFiles('sentiment', { a: '1' })
  const source = await writeFiles(join(directory, 'more'), { a: 'new', b: 'b', c: 'c' })
  const controller = new AbortController()
  const options = { signal: controller.signal, onProgress: () => controller.abort() }
  await assert.rejects(add(store, { name: 'sentiment', sources: [source] }, options), { code: 'INTERRUPTED' })
  assert.equal((await list(store)).length, 1)
  assert.deepEqual(await pathsIn(join(store.root, 'ballast/sessions')), [])
})

test('adding a model again mends what was damaged', async (t) => {
  const { store, addFiles } = await place(t)
  const files = { weights: 'many bytes', config: 'c' }
  await addFiles('sentiment', files)
  const version = await store.readVersion((await show(store, 'sentiment')).digest)
  const { digest } = fileOf(version, 'weights')
  await flipBit(store.blobs.path(digest), { sameTime: true })
  const { problems } = await verify(store)
  assert.deepEqual(
    problems.map(({ neededBy }) => neededBy),
    [['sentiment:1 weights']],
  )
  assert.match(problems[0]?.mend ?? '', /ballast add sentiment /)
  assert.equal((await addFiles('sentiment', files)).newBytes, 10)
  assert.deepEqual((await verify(store)).problems, [])
})

test('verify brings an index that fell behind up to the tags', async (t) => {
  const { store, addFiles } = await place(t)
  await addFiles('sentiment', { a: '1' })
  const index = await indexOf(store.root)
  await writeFile(join(store.root, 'index.json'), '{"manifests":[]}')
  assert.equal((await verify(store)).indexRewritten, true)
  assert.deepEqual(await indexOf(store.root), index)
  assert.equal((await verify(store)).indexRewritten, false)
})

test('verify takes out of index.json what is there no longer, and once', async (t) => {
  const { store, addFiles } = await place(t)
  const { digest } = await addFiles('sentiment', { w: 'one' })
  await rm(store.blobs.path(digest))
  assert.equal((await verify(store)).indexRewritten, true)
  assert.deepEqual(await indexOf(store.root), {})
  assert.equal((await verify(store)).indexRewritten, false)
})

test('a difference names what was added, changed and removed', async (t) => {
  const { store, addFiles } = await place(t)
  await addFiles('sentiment', { same: 's', changed: '1', gone: 'g' })
  await addFiles('sentiment', { same: 's', changed: '22', fresh: 'f' })
  const { from, to, changes, same, newBytes } = await diff(store, ['sentiment:1', 'sentiment:2'], {
    access: { dockerConfig: '' },
  })
  assert.deepEqual([from, to, same, newBytes], ['sentiment:1', 'sentiment:2', 1, 3])
  assert.deepEqual(
    changes.map(({ path, change }) => [path, change]),
    [
      ['changed', 'changed'],
      ['fresh', 'added'],
      ['gone', 'removed'],
    ],
  )
})

test('a model that is not there is said to be missing, with the store and what is near', async (t) => {
  const { store, addFiles } = await place(t)
  await addFiles('sentiment', { a: '1' })
  const ofModel = (name: string): Promise<unknown> => history(store, name, { access: NO_IMAGES })
  const calls = [show, list, rollbackTag].map((call) => (name: string) => call(store, name))
  for (const call of [...calls, ofModel]) {
    const error = await call('sentimnet').catch((caught: unknown) => caught)
    assert.ok(isBallastError(error, 'NOT_FOUND'), `${error}`)
    assert.ok(error.message.includes(store.root))
    assert.match(error.hint ?? '', /did you mean sentiment\?/)
  }
})

test('a version that is not there is said to be missing, with what there is', async (t) => {
  const { store, addFiles } = await place(t)
  await addFiles('sentiment:prod', { a: '1' })
  const error = await show(store, 'sentiment:4').catch((caught: unknown) => caught)
  assert.ok(isBallastError(error, 'NOT_FOUND'))
  assert.match(error.hint ?? '', /sentiment has: prod, 1/)
})

test('operands of another kind are told what they are', async (t) => {
  const { store } = await place(t)
  for (const text of ['./models', 'localhost:5000/app', 'volume:x', 's3://bucket/key']) {
    await assert.rejects(show(store, text), { code: 'USAGE' })
  }
})

test('a version whose manifest is damaged is explained with the way out', async (t) => {
  const { store, addFiles } = await place(t)
  const { digest } = await addFiles('sentiment', { a: '1' })
  await flipBit(store.blobs.path(digest), { sameTime: true })
  const error = await show(store, 'sentiment').catch((caught: unknown) => caught)
  assert.ok(isBallastError(error, 'DAMAGED'))
  assert.match(error.hint ?? '', /ballast add sentiment /)
  assert.equal((await list(store)).length, 1)
})
