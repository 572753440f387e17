import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endpointOf, normalisePlace } from './endpoint.ts'
import { openRepository } from './repository.ts'

test('Docker Hub has one name, however it is called, and its own images are below library/', () => {
  for (const host of ['docker.io', 'index.docker.io', 'registry-1.docker.io', 'Docker.io']) {
    assert.deepEqual(normalisePlace({ host, name: 'nginx' }), { host: 'docker.io', name: 'library/nginx' })
    assert.deepEqual(normalisePlace({ host, name: 'ann/app' }), { host: 'docker.io', name: 'ann/app' })
    assert.equal(endpointOf(host).href, 'https://registry-1.docker.io/')
    assert.equal(openRepository({ host, name: 'nginx' }).name, 'docker.io/library/nginx')
  }
  const other = { host: 'localhost:5000', name: 'nginx' }
  assert.deepEqual(normalisePlace(other), other)
})

test('this machine is spoken to by http, every other host by https', () => {
  assert.equal(endpointOf('localhost:5000').href, 'http://localhost:5000/')
  assert.equal(endpointOf('127.0.0.1').href, 'http://127.0.0.1/')
  assert.equal(endpointOf('registry.example').href, 'https://registry.example/')
  assert.equal(endpointOf('localhost.example').href, 'https://localhost.example/')
})
