import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { eventually } from '../../../test/fixtures/wait.ts'
import { BallastError, type Digest } from '../../core/index.ts'
import type { MountResult } from '../../workflows/mount.ts'
import { type Following, startFollowing } from './following.ts'
import type { KeptTag, KeptTarget, TargetEvents } from './kept.ts'
import { startStatusServer } from './status-server.ts'

const DIGEST = `sha256:${'ab'.repeat(32)}` as Digest

interface FakeTarget extends KeptTarget {
  /** Of those that are at work now. */
  readonly events: () => TargetEvents | undefined
  readonly begun: () => number
}

/** A target that does nothing by itself. */
function fakeTarget(key: string, fail?: () => BallastError | undefined, tag?: string): FakeTarget {
  let events: TargetEvents | undefined
  let begun = 0
  return {
    ...{ key, ref: `${key}:prod`, to: `/models/${key}`, directory: undefined, tag, graceMs: 60_000 },
    events: () => events,
    begun: () => begun,
    delivered: async () => undefined,
    retire: async () => undefined,
    async keepUp({ signal, ...given }) {
      begun++
      const error = fail?.()
      if (error !== undefined) throw error
      events = given
      await new Promise((resolve) => signal?.addEventListener('abort', resolve))
      events = undefined
    },
  }
}

function mounted(version: string): MountResult {
  return {
    ...{ target: '/models', version, digest: DIGEST, how: 'delivered', path: '', mountAt: 'path' },
    ...{ bytesCopied: 10, ms: 1, warnings: [] },
  }
}

function follow(t: TestContext): { readonly following: Following; readonly troubles: string[] } {
  const troubles: string[] = []
  const following = startFollowing({
    onBrought: () => undefined,
    onSwap: () => undefined,
    onJudged: () => undefined,
    onTrouble: (_, { message }) => troubles.push(message),
    onBug: (error) => assert.fail(`${error}`),
  })
  t.after(() => following.close())
  return { following, troubles }
}

const outage = new BallastError('REMOTE', 'the source is out of reach')

test('a target that fails is told once and tried again, and leaves the others alone', async (t) => {
  const { following, troubles } = follow(t)
  let failing = true
  const good = fakeTarget('good')
  const bad = fakeTarget('bad', () => (failing ? outage : undefined))
  await following.apply({ tags: [], targets: [good, bad] })
  await eventually(async () => assert.ok(bad.begun() >= 2 && good.events() !== undefined))
  good.events()?.onSwap(mounted('good:1'))
  good.events()?.onTurn(undefined)
  assert.deepEqual(
    following.statuses().map(({ is, trouble }) => [is, trouble?.message]),
    [
      ['current', undefined],
      ['waiting', 'the source is out of reach'],
    ],
  )
  assert.deepEqual(troubles, ['the source is out of reach'])
  failing = false
  await eventually(async () => assert.ok(bad.events() !== undefined))
})

test('what was delivered is stale while its source is out of reach, and keeps the time of the trouble', async (t) => {
  const { following } = follow(t)
  let tagEvents: Parameters<KeptTag['keepUp']>[0] | undefined
  const tag: KeptTag = {
    ...{ key: 'tag', ref: 'a:prod', from: 'registry.example/a:prod' },
    dropUnused: async () => undefined,
    async keepUp(events) {
      tagEvents = events
      await new Promise((resolve) => events.signal?.addEventListener('abort', resolve))
    },
  }
  const target = fakeTarget('a', undefined, 'tag')
  await following.apply({ tags: [tag], targets: [target] })
  await eventually(async () => assert.ok(tagEvents !== undefined && target.events() !== undefined))
  tagEvents?.onTurn(undefined)
  target.events()?.onSwap(mounted('a:1'))
  target.events()?.onTurn(undefined)
  assert.equal(following.statuses()[0]?.is, 'current')
  tagEvents?.onTurn(outage)
  const since = following.statuses()[0]?.trouble?.since
  tagEvents?.onTurn(outage)
  const { is, version, failures, trouble } = following.statuses()[0] ?? {}
  assert.deepEqual([is, version, failures, trouble?.since], ['stale', 'a:1', 2, since])
  tagEvents?.onTurn(undefined)
  assert.equal(following.statuses()[0]?.is, 'current')
})

test('another file begins and ends only what differs', async (t) => {
  const { following } = follow(t)
  const [stays, goes, comes] = [fakeTarget('stays'), fakeTarget('goes'), fakeTarget('comes')]
  await following.apply({ tags: [], targets: [stays, goes] })
  await eventually(async () => assert.ok(stays.events() !== undefined && goes.events() !== undefined))
  await following.apply({ tags: [], targets: [stays, comes] })
  assert.equal(goes.events(), undefined)
  await eventually(async () => assert.ok(comes.events() !== undefined))
  assert.equal(stays.begun(), 1)
})

test('health answers everybody; what there is answers on loopback, or with the login', async (t) => {
  const { following } = follow(t)
  const target = fakeTarget('a')
  await following.apply({ tags: [], targets: [target] })
  const start = async (
    host: string,
    isSecret: boolean,
  ): Promise<(path: string, login?: string) => Promise<Response>> => {
    const server = await startStatusServer({
      listen: { host, port: 0 },
      credentials: isSecret ? { username: 'user', password: 'secret' } : undefined,
      statuses: following.statuses,
      disk: async () => ({ used: 1000, budget: 2000 }),
    })
    t.after(server.close)
    const url = `http://127.0.0.1:${server.address.split(':').at(-1)}`
    return (path, login) =>
      fetch(
        `${url}${path}`,
        login === undefined ? {} : { headers: { authorization: `Basic ${btoa(login)}` } },
      )
  }
  const local = await start('127.0.0.1', false)
  const ready = await local('/readyz')
  assert.equal(ready.status, 503)
  assert.deepEqual(await ready.json(), {
    ready: false,
    waiting: [{ ref: 'a:prod', to: '/models/a', why: 'it is being delivered' }],
  })
  await eventually(async () => assert.ok(target.events() !== undefined))
  target.events()?.onSwap(mounted('a:3'))
  target.events()?.onTurn(undefined)
  assert.equal((await local('/readyz')).status, 200)
  const metrics = await (await local('/metrics')).text()
  assert.match(metrics, /^ballast_target_version\{ref="a:prod",target="\/models\/a"\} 3$/m)
  assert.match(metrics, /^ballast_disk_budget_bytes 2000$/m)
  assert.equal((await local('/nothing')).status, 404)

  const open = await start('0.0.0.0', false)
  assert.deepEqual([(await open('/healthz')).status, (await open('/targets')).status], [200, 403])
  const secret = await start('0.0.0.0', true)
  const answers = [await secret('/readyz'), await secret('/metrics'), await secret('/metrics', 'user:secret')]
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 401, 200],
  )
})
