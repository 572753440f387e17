import assert from 'node:assert/strict'
import { test } from 'node:test'
import { containerCall } from './container-url.ts'
import { millisecondsOf } from './plan.ts'

const READY = 'GET http://localhost:8000/health'

function at(hostPort: number, hostIp = '0.0.0.0') {
  return { ports: [{ port: '8000/tcp', hostIp, hostPort }], addresses: ['172.17.0.2'] }
}

test('what is asked whether it is ready is this replica, and no other', () => {
  assert.equal(containerCall(READY, at(8000)).url, 'http://localhost:8000/health')
  assert.equal(containerCall(READY, at(8001)).url, 'http://localhost:8001/health')
  assert.equal(
    containerCall('GET http://localhost:9000/health', at(9000)).url,
    'http://localhost:9000/health',
  )
  assert.equal(containerCall(READY, at(8001, '10.0.0.7')).url, 'http://10.0.0.7:8001/health')
  assert.equal(containerCall('POST http://localhost/up', at(80)).url, 'http://localhost/up')
  assert.equal(containerCall('POST http://localhost/up', at(80)).method, 'POST')
})

test('where that port is not published the container itself is asked, never another process of this host', () => {
  assert.equal(
    containerCall(READY, { ports: [], addresses: ['172.17.0.2'] }).url,
    'http://172.17.0.2:8000/health',
  )
  assert.equal(
    containerCall('GET http://localhost:9000/health', at(8000)).url,
    'http://172.17.0.2:9000/health',
  )
  assert.equal(containerCall(READY, { ports: [], addresses: [] }).url, 'http://localhost:8000/health')
})

test('a time is read with its unit', () => {
  assert.deepEqual(['250ms', '30s', '2m'].map(millisecondsOf), [250, 30_000, 120_000])
})
