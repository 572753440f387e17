import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readReadiness } from './readiness.ts'

const ONE = `sha256:${'1'.repeat(64)}`
const TWO = `sha256:${'2'.repeat(64)}`

const read = (said: unknown) => readReadiness(Buffer.from(JSON.stringify(said)))

test('what is served, what was refused and why', () => {
  const report = read({
    ready: true,
    digest: ONE,
    variants: [{ name: 'stable', digest: ONE }, { name: 'canary', digest: TWO }, {}],
    refused: [{ digest: TWO }, { directory: '/app' }],
    problem: 'out of memory',
  })
  assert.deepEqual(report, {
    ready: true,
    serves: [ONE, ONE, TWO],
    refused: [TWO],
    problem: 'out of memory',
  })
})

test('a version inside of `model`, as a health endpoint of its own may have it', () => {
  assert.deepEqual(read({ model: { digest: ONE } })?.serves, [ONE])
  assert.equal(read({ ready: false })?.ready, false)
})

test('says nothing of versions', () => {
  for (const said of ['ok', { status: 'ok' }, [], { model: null, digest: 3 }, { digest: 'sha256:abc' }])
    assert.equal(read(said), undefined, JSON.stringify(said))
  assert.equal(readReadiness(Buffer.from('OK')), undefined)
})
