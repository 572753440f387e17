import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ggufShards, incompleteShards } from './gguf-shards.ts'

test('shards belong together by their names, and the first is the one to load', () => {
  const paths = [
    'q4/m-00001-of-00002.gguf',
    'q4/m-00002-of-00002.gguf',
    'q8/m-00002-of-00003.gguf',
    'm-00001-of-00001.gguf',
    'whole.gguf',
    'm-1-of-2.gguf',
    'm-00001-of-00002.bin',
    'm-00000-of-00000.gguf',
    '-00001-of-00002.gguf',
  ]
  assert.deepEqual(ggufShards(paths), [
    { first: 'q4/m-00001-of-00002.gguf', count: 2, missing: [] },
    {
      first: 'q8/m-00001-of-00003.gguf',
      count: 3,
      missing: ['q8/m-00001-of-00003.gguf', 'q8/m-00003-of-00003.gguf'],
    },
    { first: 'm-00001-of-00001.gguf', count: 1, missing: [] },
  ])
})

test('a set that is not complete is said, in one line', () => {
  assert.deepEqual(incompleteShards(['a-00001-of-00002.gguf', 'a-00002-of-00002.gguf', 'b.gguf']), [])
  assert.match(
    incompleteShards(['a-00002-of-00002.gguf']).join(),
    /2 shards a-00001-of-00002.gguf is not there/,
  )
  assert.match(incompleteShards(['a-00001-of-00099.gguf']).join(), /a-00002-of-00099.gguf and 97 more/)
})
