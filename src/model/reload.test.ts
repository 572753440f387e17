import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isBallastError } from '../core/index.ts'
import { parseReloadFlags } from './reload.ts'

const HTTP = 'POST http://localhost:8000/reload'

test('every way to reload can be written on a command line', () => {
  const read = (reload: string) => parseReloadFlags({ reload })
  assert.deepEqual(read(HTTP), { http: HTTP })
  assert.deepEqual(read(`${HTTP}@container:api-1,api-2`), { http: HTTP, containers: ['api-1', 'api-2'] })
  assert.deepEqual(read('POST http://user@host/reload'), { http: 'POST http://user@host/reload' })
  assert.deepEqual(read('signal:SIGHUP@container:api'), { signal: 'SIGHUP', containers: ['api'] })
  assert.deepEqual(read('signal:SIGHUP@pid:./run/api.pid'), { signal: 'SIGHUP', pid: './run/api.pid' })
  assert.deepEqual(read('restart:container:a, b'), { restart: true, containers: ['a', 'b'] })
  assert.deepEqual(read('triton:http://localhost:8000@container:a'), {
    triton: 'http://localhost:8000',
    containers: ['a'],
  })
  assert.deepEqual(read('tfserving:http://localhost:8501'), { tfserving: 'http://localhost:8501' })
  assert.deepEqual(read('command:mail -s new ops@container:x'), { command: 'mail -s new ops@container:x' })
})

test('readiness, deadline and order go with it; readiness alone is for who notices by itself', () => {
  assert.deepEqual(
    parseReloadFlags({ reload: HTTP, ready: 'file:/run/ready.json', within: '5s', order: 'all' }),
    {
      http: HTTP,
      ready: 'file:/run/ready.json',
      within: '5s',
      order: 'all',
    },
  )
  assert.deepEqual(parseReloadFlags({ ready: 'command:./is-ready' }), { ready: 'command:./is-ready' })
  assert.equal(parseReloadFlags({}), undefined)
})

test('what cannot be read is refused with what can', () => {
  const WRONG = [
    { reload: 'http://localhost/reload' },
    { reload: 'signal:SIGHUP' },
    { reload: 'signal:HUP@container:api' },
    { reload: 'restart:api' },
    { reload: 'restart:container:,' },
    { reload: `${HTTP}@pid:./api.pid` },
    { reload: 'command:  ' },
    { reload: 'triton:localhost:8000' },
    { reload: 'triton:http://localhost:8000', ready: 'command:true' },
    { reload: HTTP, ready: 'soon' },
    { reload: HTTP, within: '30' },
    { reload: HTTP, order: 'some' },
    { within: '30s' },
    { order: 'all' },
  ]
  for (const flags of WRONG) {
    assert.throws(
      () => parseReloadFlags(flags),
      (error) => isBallastError(error, 'USAGE') && error.hint !== undefined,
      JSON.stringify(flags),
    )
  }
})
