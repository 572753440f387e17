import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isBallastError } from '../core/index.ts'
import {
  decodeMetadata,
  encodeMetadata,
  figuresOfCard,
  frontMatterOf,
  mergeMetadata,
  metadataOfCard,
  metadataOfHeaders,
  parseMetadataFile,
  parseMetadataPair,
} from './metadata.ts'

test('what is said later of a name counts, and null takes it away', () => {
  const merged = mergeMetadata([
    { values: { license: 'mit', author: 'ada', epochs: 3 } },
    { values: { license: 'apache-2.0', author: null } },
  ])
  assert.deepEqual(merged, { epochs: 3, license: 'apache-2.0' })
})

test('names and values of a command line', () => {
  assert.deepEqual(parseMetadataPair('license=mit'), ['license', 'mit'])
  assert.deepEqual(parseMetadataPair('note=a=b c'), ['note', 'a=b c'])
  assert.deepEqual(parseMetadataPair('license='), ['license', null])
  for (const text of ['license', '=mit', 'a b=c', `x=${'y'.repeat(5000)}`]) {
    assert.throws(
      () => parseMetadataPair(text),
      (error) => isBallastError(error, 'USAGE'),
    )
  }
})

test('a file of metadata is YAML or JSON, and of plain values', async () => {
  assert.deepEqual(await parseMetadataFile('license: mit\ntags: [a, b]\nauthor: null', 'm.yaml'), {
    license: 'mit',
    tags: ['a', 'b'],
    author: null,
  })
  for (const text of ['', '[1]', 'a: {b: 1}', 'a: .nan', 'bad name: 1']) {
    await assert.rejects(parseMetadataFile(text, 'm.yaml'), (error) => isBallastError(error, 'USAGE'), text)
  }
})

test('the front matter of a model card says what the Hub shows of it, and what it claims to measure', async () => {
  const card = `---
license: mit
datasets:
- imdb
language: en
widget: [{text: hello}]
model-index:
- name: m
  results:
  - metrics: [{type: accuracy, value: 0.9}, {type: f1, value: high}]
---
# A model
`
  const front = await frontMatterOf(card)
  assert.deepEqual(metadataOfCard(front), { license: 'mit', datasets: ['imdb'], language: 'en' })
  assert.deepEqual(figuresOfCard(front), { accuracy: 0.9 })
  for (const text of ['', '# no front matter', '---\nlicense: [unclosed\n---\n', '---\nlicense: mit\n']) {
    const none = await frontMatterOf(text)
    assert.deepEqual([metadataOfCard(none), figuresOfCard(none)], [{}, {}], text)
  }
})

test('headers of files say it by the keys of their formats, the first file first', () => {
  const headers: readonly Readonly<Record<string, string>>[] = [
    { 'general.license': 'mit', 'general.author': 'ada\nlovelace', 'general.file_type': '1' },
    { 'modelspec.title': 'a model', 'modelspec.license': 'gpl', format: 'pt' },
    { constructor: 'a name that every object has' },
  ]
  assert.deepEqual(metadataOfHeaders(headers), { license: 'mit', author: 'ada lovelace', name: 'a model' })
})

test('a document is read as it was written, and any bytes are one or none', () => {
  const value = fc.oneof(
    fc.string({ maxLength: 50 }),
    fc.integer(),
    fc.boolean(),
    fc.array(fc.string({ maxLength: 9 })),
    fc.constant(null),
  )
  const values = fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9._-]{0,9}$/), value, { noNullPrototype: true })
  fc.assert(
    fc.property(values, (said) => {
      const document = { time: '2026-01-01T00:00:00.000Z', by: 'add', values: said }
      assert.deepEqual(decodeMetadata(encodeMetadata(document)), JSON.parse(JSON.stringify(document)))
    }),
  )
  fc.assert(fc.property(fc.uint8Array(), (bytes) => void decodeMetadata(bytes)))
})
