import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryStore } from '../../test/fixtures/store.ts'
import { temporaryDirectory, writeFiles } from '../../test/fixtures/temporary.ts'
import { isBallastError } from '../core/index.ts'
import { add } from './add.ts'
import { diff } from './diff.ts'
import { list } from './list.ts'
import { conditionOn, selectVersions } from './list-where.ts'
import { attachStated, readStated } from './metadata.ts'
import { show } from './show.ts'

const CARD =
  '---\nlicense: mit\ndatasets: [imdb]\nmodel-index: [{results: [{metrics: [{type: accuracy, value: 0.99}]}]}]\n---\n'

test('what card, headers and people say of a version is attached, and changes nothing of it', async (t) => {
  const store = await temporaryStore(t)
  const directory = await temporaryDirectory(t)
  const header = Buffer.from(
    '{"__metadata__":{"modelspec.author":"ada"},"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
  )
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  const files = await writeFiles(join(directory, 'model'), {
    'README.md': CARD,
    'model.safetensors': Buffer.concat([length, header, Buffer.from([1])]),
  })
  const added = await add(store, { name: 'sentiment', sources: [files], metadata: { 'label.team': 'nlp' } })
  const shown = await show(store, 'sentiment:1')
  assert.deepEqual(shown.metadata, { author: 'ada', datasets: ['imdb'], 'label.team': 'nlp', license: 'mit' })
  assert.deepEqual(
    shown.metrics.map(({ by, metrics }) => [by, metrics]),
    [['README.md', { accuracy: 0.99 }]],
  )

  const values = await readStated({ pairs: ['license=apache-2.0', 'author='], labels: ['owner=ops'] })
  await attachStated(store, { ref: 'sentiment:1', values, by: 'attach' })
  await add(store, { name: 'sentiment', sources: [files], metadata: { 'label.team': 'nlp' } })
  const later = await show(store, 'sentiment:1')
  assert.equal(later.digest, added.digest)
  assert.deepEqual(later.metadata, {
    datasets: ['imdb'],
    'label.owner': 'ops',
    'label.team': 'nlp',
    license: 'apache-2.0',
  })
})

test('versions are listed and compared by what was said of them', async (t) => {
  const store = await temporaryStore(t)
  const directory = await temporaryDirectory(t)
  for (const [number, license] of ['mit', 'gpl'].entries()) {
    const files = await writeFiles(join(directory, 'model'), { 'config.json': `${number}` })
    await add(store, { name: 'sentiment', sources: [files], metadata: { license } })
  }
  const chosen = (where: string): Promise<readonly string[]> =>
    list(store).then((all) => selectVersions(all, conditionOn(where)).map(({ ref }) => ref))
  assert.deepEqual(await chosen('meta.license=mit'), ['sentiment:1'])
  assert.deepEqual(await chosen('tag=latest or number<2'), ['sentiment:1', 'sentiment:2'])
  assert.deepEqual(await chosen('model=sentiment and not meta.license ~ mi'), ['sentiment:2'])
  assert.deepEqual(await chosen('metric.accuracy'), [])
  for (const field of ['licence', 'constructor'])
    assert.throws(
      () => conditionOn(`${field}=mit`),
      (error) => isBallastError(error, 'USAGE') && error.message.includes(field),
    )
  const { metadata } = await diff(store, ['sentiment:1', 'sentiment:2'], { access: { dockerConfig: '' } })
  assert.deepEqual(metadata, [{ name: 'license', before: 'mit', after: 'gpl' }])
})
