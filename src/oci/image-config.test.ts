import assert from 'node:assert/strict'
import { test } from 'node:test'
import { platformOf, volumesOf, warnings } from './image-config.ts'

test('platform, volumes and warnings are read from the config', () => {
  assert.deepEqual(platformOf({ os: 'linux', architecture: 'arm', variant: 'v7' }), {
    os: 'linux',
    architecture: 'arm',
    variant: 'v7',
  })
  assert.deepEqual(platformOf({}), { os: 'linux', architecture: 'amd64' })
  assert.deepEqual(volumesOf({ config: { Volumes: { '/a': {}, '/b': {} } } }), ['/a', '/b'])
  assert.deepEqual(volumesOf({ config: null }), [])
  const health = (Healthcheck: unknown): number =>
    warnings({ manifest: {}, config: { config: { Healthcheck } }, layers: [], diffIds: [] }).length
  assert.equal(health({ Test: ['CMD', 'true'] }), 1)
  for (const none of [undefined, null, { Test: ['NONE'] }, {}]) assert.equal(health(none), 0)
})
