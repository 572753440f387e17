import assert from 'node:assert/strict'
import { test } from 'node:test'
import { containerRecord } from '../docker/index.ts'
import { answerByLife, type Life, whyEnded } from './life.ts'
import { hasMounted } from './listeners.ts'
import { planReload } from './plan.ts'

function life(state: object, restarts = 0): Life {
  const container = containerRecord({
    Id: 'x',
    Name: '/api',
    State: { Running: true, ...state },
    RestartCount: restarts,
  })
  return { container, runs: container.state.isRunning }
}

test('one that ends, or that its Engine starts again, will not be ready', () => {
  assert.equal(whyEnded(life({}), life({})), undefined)
  assert.equal(whyEnded(life({}), life({ Running: false, ExitCode: 9 })), 'it ended with 9')
  assert.equal(whyEnded(life({}, 2), life({}, 2)), undefined)
  assert.match(whyEnded(life({}, 2), life({}, 3)) ?? '', /started it again/)
  assert.equal(whyEnded(life({}, 2), life({}, 0)), undefined, 'a restart that was asked for counts anew')
  assert.equal(whyEnded(undefined, { container: undefined, runs: false }), 'it ended')
})

test('without anything to ask, its HEALTHCHECK counts, else that it goes on running', () => {
  const health = (Status: string) => life({ Health: { Status } })
  assert.deepEqual(answerByLife(health('healthy'), 0), { is: 'ready', word: 'untold' })
  assert.equal(answerByLife(health('starting'), 60_000).is, 'waiting')
  assert.equal(answerByLife(health('unhealthy'), 0).is, 'failed')
  assert.equal(answerByLife(life({}), 100).is, 'waiting')
  assert.equal(answerByLife(life({}), 3000).is, 'ready')
  assert.equal(answerByLife(undefined, 0).is, 'ready', 'it has answered the call')
})

test('what cannot be told is refused before anything is swapped', () => {
  const WRONG = [
    { signal: 'SIGNOTHING', pid: './api.pid' },
    { http: 'POST http://localhost:99999999/reload' },
    { http: 'POST http://localhost/reload', ready: 'GET http://[/health' },
    { restart: true },
    { http: 'POST http://localhost/reload', containers: 'image' as const },
  ]
  for (const reload of WRONG)
    assert.throws(() => planReload(reload), { code: 'USAGE' }, JSON.stringify(reload))
  const { whom } = planReload({ http: 'POST http://localhost/v1/{model}/{number}' }, { image: 'api' })
  assert.deepEqual(whom, { kind: 'one' })
  assert.equal(planReload({ restart: true }, { image: 'api' }).whom.kind, 'image')
})

test('a container has the target by its directory, one above, or its volume', () => {
  const bind = (source: string) => ({
    mounts: [{ kind: 'bind' as const, name: '', source, destination: '/app/models', isWritable: false }],
  })
  const volume = (name: string) => ({
    mounts: [{ kind: 'volume' as const, name, source: '/var/x', destination: '/app', isWritable: false }],
  })
  const target = { directory: '/srv/models', volume: undefined }
  assert.ok(hasMounted(bind('/srv/models'), target))
  assert.ok(hasMounted(bind('/srv'), target))
  assert.ok(!hasMounted(bind('/srv/models-2'), target))
  assert.ok(!hasMounted(bind('/srv/mod'), target))
  assert.ok(!hasMounted(volume('ml'), target))
  assert.ok(hasMounted(volume('ml'), { ...target, volume: 'ml' }))
})
