import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatRoute, parseRoute, type Route } from './routes.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`

const CASES: readonly (readonly [string, Route])[] = [
  ['/v2/', { kind: 'base' }],
  ['/v2/app/manifests/latest', { kind: 'manifest', name: 'app', reference: 'latest' }],
  [`/v2/a/b/c/manifests/${DIGEST}`, { kind: 'manifest', name: 'a/b/c', reference: DIGEST }],
  [`/v2/a/b/blobs/${DIGEST}`, { kind: 'blob', name: 'a/b', digest: DIGEST }],
  ['/v2/a/b/blobs/uploads/', { kind: 'uploads', name: 'a/b' }],
  ['/v2/a/blobs/uploads/0af', { kind: 'upload', name: 'a', id: '0af' }],
  ['/v2/a/tags/list', { kind: 'tags', name: 'a' }],
  [`/v2/a/referrers/${DIGEST}`, { kind: 'referrers', name: 'a', digest: DIGEST }],
  ['/v2/blobs/uploads/manifests/x', { kind: 'manifest', name: 'blobs/uploads', reference: 'x' }],
  ['/v2/tags/tags/list', { kind: 'tags', name: 'tags' }],
  [`/v2/manifests/blobs/${DIGEST}`, { kind: 'blob', name: 'manifests', digest: DIGEST }],
]

for (const [path, route] of CASES) {
  test(`${path} is ${route.kind}`, () => {
    assert.deepEqual(parseRoute(path), route)
    assert.equal(formatRoute(route), path)
  })
}

test('other spellings of the same route', () => {
  assert.deepEqual(parseRoute('/v2'), { kind: 'base' })
  assert.deepEqual(parseRoute('/v2/a/blobs/uploads'), { kind: 'uploads', name: 'a' })
  assert.deepEqual(parseRoute(`/v2/a/blobs/${DIGEST.replace(':', '%3A')}`), {
    kind: 'blob',
    name: 'a',
    digest: DIGEST,
  })
})

for (const path of [
  '/',
  '/v1/',
  '/v2/app',
  '/v2/app/manifests/',
  '/v2/_other',
  '/v2/%zz/tags/list',
  '/v3/',
]) {
  test(`${path} is no route`, () => assert.equal(parseRoute(path), undefined))
}
