import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Digest, digestOf } from '../core/index.ts'
import { childrenOf, followedFrom } from './descriptors.ts'

test('the children of a manifest are its config, layers and manifests', () => {
  const child = (text: string): { digest: Digest; size: number } => ({
    digest: digestOf(text),
    size: text.length,
  })
  const manifest = { config: child('c'), layers: [child('l1'), child('l2')], manifests: [child('m')] }
  const found = childrenOf(Buffer.from(JSON.stringify(manifest)))
  assert.deepEqual(
    found.map(({ digest }) => digest),
    ['c', 'l1', 'l2', 'm'].map(digestOf),
  )
  assert.throws(() => childrenOf(Buffer.from('{"layers":[{"digest":"sha256:abc","size":1}]}')), {
    code: 'DAMAGED',
  })
})

test('what other clients name by sha512 is followed, and is no part of a model', () => {
  const layer = { digest: `sha512:${'0'.repeat(128)}`, size: 1 }
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, layers: [layer] }))
  assert.deepEqual(followedFrom(manifest), [layer])
  assert.throws(() => childrenOf(manifest), { code: 'DAMAGED' })
})
