import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLocalHost } from './access.ts'

test('a registry without a login answers to names that only this machine can mean', () => {
  for (const host of [
    'localhost:5000',
    '127.0.0.1:5000',
    '[::1]:5000',
    'registry.localhost',
    'host.docker.internal:5000',
    '10.0.0.4',
  ]) {
    assert.ok(isLocalHost(host), host)
  }
  for (const host of [
    undefined,
    '',
    'evil.example:5000',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
  ]) {
    assert.ok(!isLocalHost(host), String(host))
  }
})
