import assert from 'node:assert/strict'
import { readFile, readlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { assertServed, startApp, versionOf } from '../../test/fixtures/reload.ts'
import { addVersion, temporaryStore } from '../../test/fixtures/store.ts'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { eventually } from '../../test/fixtures/wait.ts'
import type { BallastError } from '../core/index.ts'
import { parseReloadFlags, type Reload, type ReloadFlags } from '../model/index.ts'
import { putBack, settleProof } from '../mount/index.ts'
import { planReload } from '../reload/index.ts'
import type { Store } from '../store/index.ts'
import { check } from './check.ts'
import { history } from './history.ts'
import { mountFollowing } from './mount.ts'
import { followReloading, mountReloading } from './mount-reload.ts'
import type { Judged } from './mount-reload-judge.ts'
import type { ReloadTask } from './mount-reload-told.ts'
import type { Move } from './moves.ts'
import { rollback } from './rollback.ts'
import { tag } from './tag.ts'

const ACCESS = { access: { dockerConfig: '/nonexistent' } }
const REF = 'sentiment:prod'

test('told by HTTP, an application that names the version is believed', async (t) => {
  const place = await start(t)
  const app = await place.app()
  const follower = place.follow(http(app.url))
  const stop = app.ask()
  await place.add(versionOf(2))
  await follower.judged(1)
  assert.deepEqual(follower.seen[0]?.proof, { is: 'served' })
  assert.equal(await app.served(), 2)
  assertServed(await stop(), [1, 2])
  await follower.stop()
  assert.deepEqual(await proofs(place), [undefined, { is: 'served' }])
})

for (const [how, flags] of [
  ['a signal', (_: string, pid: string) => ({ reload: `signal:SIGHUP@pid:${pid}` })],
  ['a command', (url: string) => ({ reload: `command:curl -sf -X POST ${url}/reload` })],
] as const) {
  test(`told by ${how}, it is asked by HTTP, a file or a command`, async (t) => {
    const place = await start(t)
    const [pid, ready] = [join(place.directory, 'app.pid'), join(place.directory, 'app.ready')]
    const app = await place.app({ PID: pid, READY: ready })
    const asked = [
      { ready: `GET ${app.url}/health` },
      { ready: `file:${ready}` },
      { ready: `command:curl -sf ${app.url}/health | grep -q "$BALLAST_DIGEST"` },
    ]
    for (const [at, readiness] of asked.entries()) {
      const follower = place.follow({ ...flags(app.url, pid), ...readiness })
      await place.add(versionOf(at + 2))
      await follower.judged(1)
      assert.deepEqual(follower.seen[0]?.proof, { is: 'served' }, JSON.stringify(readiness))
      assert.equal(await app.served(), at + 2)
      await follower.stop()
    }
  })
}

test('an application that does not tell its version is ready, and that is said', async (t) => {
  const place = await start(t)
  const app = await place.app({ TELLS: 'no' })
  const follower = place.follow(http(app.url))
  await place.add(versionOf(2))
  await follower.judged(1)
  assert.deepEqual(follower.seen[0]?.proof, { is: 'untold' })
  await follower.stop()
})

for (const [behaviour, reason] of [
  ['fails', /answers 500: the weights have 3 layers instead of 4$/],
  ['never', /^not ready after 0\.6 s: .* answers 503/],
  ['late', /^not ready after 0\.6 s: /],
] as const) {
  test(`a version that ${behaviour === 'fails' ? 'fails to load' : `gets ready ${behaviour}`} is put back, nothing is lost, and the reason is told`, async (t) => {
    const place = await start(t)
    const app = await place.app()
    const follower = place.follow({ ...http(app.url), within: '600ms' })
    const stop = app.ask()
    await place.add(versionOf(2, behaviour))
    await follower.judged(1)
    const { proof, putBack: back } = follower.seen[0] as Judged
    assert.equal(proof.is, 'failed')
    assert.match(proof.why ?? '', reason)
    assert.deepEqual([back?.version, back?.proof], ['sentiment:1', { is: 'served' }])
    assert.equal(await app.served(), 1)
    assertServed(await stop(), behaviour === 'fails' ? [1] : [1, 2])

    const [checked] = await check(place.store, place.target)
    assert.deepEqual([checked?.version, checked?.faults], ['sentiment:1', []])
    assert.match(checked?.notes?.join() ?? '', /sentiment:2 was put back.*(?:answers 500|not ready)/)
    const moves = await history(place.store, place.target, ACCESS)
    assert.deepEqual(
      moves.map(({ number, by }) => [number, by]),
      [
        [1, 'mount'],
        [2, 'follow'],
        [1, 'put back'],
      ],
    )
    assert.match(moves[1]?.proof?.why ?? '', reason)

    // Not tried again by the same process, nor by the next; but when the tag moves, or when it is told to.
    await follower.stop()
    const next = place.follow({ ...http(app.url), within: '600ms' })
    await eventually(async () => assert.equal(next.troubles[0]?.code, 'REFUSED'))
    await place.add(versionOf(3))
    await next.judged(1)
    assert.deepEqual(next.seen[0], {
      ...{ version: 'sentiment:3', digest: next.seen[0]?.digest },
      proof: { is: 'served' },
    })
    await next.stop()
    assert.deepEqual((await check(place.store, place.target))[0]?.notes ?? [], [])
  })
}

test('what was put back is tried again with retry, and once is enough to be told', async (t) => {
  const place = await start(t)
  const app = await place.app()
  await place.add(versionOf(2, 'never'))
  const once = (retry: boolean) =>
    mountReloading(
      place.store,
      { ref: REF, target: place.target, task: taskOf({ ...http(app.url), within: '300ms' }, { retry }) },
      { onJudged: (judged) => void judgements.push(judged) },
    )
  const judgements: Judged[] = []
  await assert.rejects(once(false), { code: 'REFUSED', message: /^sentiment:2 was put back: not ready/ })
  await assert.rejects(once(false), { code: 'REFUSED', hint: /--retry/ })
  assert.equal(judgements.length, 1)
  await assert.rejects(once(true), { code: 'REFUSED' })
  assert.equal(judgements.length, 2)
  await place.add(versionOf(3))
  assert.equal((await once(false)).version, 'sentiment:3')
  assert.equal(await app.served(), 3)
})

test('where nobody answers the version before is put back, and that it is not taken either is told', async (t) => {
  const place = await start(t)
  const nobody = { ...http('http://127.0.0.1:1'), within: '300ms' }
  const request = { ref: REF, target: place.target }
  const follower = place.follow(nobody)
  await place.add(versionOf(2))
  await follower.judged(1)
  assert.equal(follower.seen[0]?.putBack?.proof.is, 'failed')
  await follower.stop()
  assert.match(
    (await check(place.store, place.target))[0]?.notes?.join() ?? '',
    /does not take it: not ready/,
  )
  const task = taskOf(nobody, { retry: true })
  await assert.rejects(mountReloading(place.store, { ...request, task }, { onJudged: () => undefined }), {
    code: 'REFUSED',
    message: /^sentiment:2 was put back: not ready.*; there is sentiment:1, which it does not take/,
  })
})

test('a file of a process that is not there is refused before anything is swapped, but for the first version', async (t) => {
  const place = await start(t)
  const reload = `signal:SIGHUP@pid:${join(place.directory, 'apo.pid')}`
  const once = (target: string) =>
    mountReloading(place.store, { ref: REF, target, task: taskOf({ reload }) }, { onJudged: () => undefined })
  await place.add(versionOf(2))
  await assert.rejects(once(place.target), { code: 'NOT_FOUND', message: /^reload: there is no file .*apo/ })
  assert.match(await readlink(join(place.target, 'sentiment')), /\/1-/)
  await assert.rejects(place.follow({ reload }).ended, { code: 'NOT_FOUND' })
  assert.equal((await once(join(place.directory, 'new'))).version, 'sentiment:2')
})

test('an Engine that does not answer is no verdict: the version is judged when it does', async (t) => {
  const place = await start(t)
  await place.add(versionOf(2))
  const follower = place.followPlans([planReload({ restart: true }, { image: 'api' })])
  await eventually(async () => assert.equal(follower.troubles[0]?.code, 'REMOTE'))
  assert.deepEqual(await proofs(place), [undefined, { is: 'pending' }])
  await follower.stop()
  assert.deepEqual(follower.seen, [])
})

test('an application that is not there yet is told as soon as it is', async (t) => {
  const place = await start(t)
  const first = await place.app()
  const { port } = new URL(first.url)
  const follower = place.follow(http(first.url))
  first.child.kill('SIGKILL')
  await place.add(versionOf(2))
  await eventually(async () => assert.match(await readlink(join(place.target, 'sentiment')), /\/2-/))
  await startApp(t, join(place.target, 'sentiment'), { port: Number(port) })
  await follower.judged(1)
  assert.deepEqual(follower.seen[0]?.proof, { is: 'served' })
  await follower.stop()
})

test('a rollback by hand is told to the application, and does not lead to what was put back', async (t) => {
  const place = await start(t)
  const app = await place.app()
  const follower = place.follow({ ...http(app.url), within: '500ms' })
  await place.add(versionOf(2))
  await follower.judged(1)
  await place.add(versionOf(3, 'fails'))
  await follower.judged(2)
  assert.equal(await app.served(), 2)
  const rolled = await rollback(place.store, place.target, ACCESS)
  assert.equal(rolled.number, 1)
  await follower.judged(3)
  assert.deepEqual(follower.seen[2]?.proof, { is: 'served' })
  assert.equal(await app.served(), 1)
  await tag(place.store, ['sentiment:2', 'prod'])
  await follower.judged(4)
  assert.equal(await app.served(), 2)
  await follower.stop()
})

test('a rollback by hand while a version is judged is told to the application afterwards', async (t) => {
  const place = await start(t)
  const app = await place.app()
  const follower = place.follow({ ...http(app.url), within: '8s' })
  await place.add(versionOf(2, 'late'))
  await eventually(async () => assert.equal(await app.served(), 2))
  await rollback(place.store, place.target, ACCESS)
  await follower.judged(2)
  assert.deepEqual(
    follower.seen.map(({ version, proof }) => [version, proof.is]),
    [
      ['sentiment:2', 'served'],
      ['sentiment:1', 'served'],
    ],
  )
  assert.equal(await app.served(), 1)
  await follower.stop()
})

test('whatever a killed follower had not proven, the next one judges', async (t) => {
  const place = await start(t)
  const app = await place.app()
  const task = { ...http(app.url), within: '500ms' }
  // Killed between swap and proof: the version is there, and pending.
  await place.add(versionOf(2, 'fails'))
  await mountFollowing(place.store, { ref: REF, target: place.target, by: 'follow', proof: 'pending' })
  assert.match((await check(place.store, place.target))[0]?.notes?.join() ?? '', /yet to be proven/)
  const first = place.follow(task)
  await first.judged(1)
  assert.equal(first.seen[0]?.putBack?.version, 'sentiment:1')
  await first.stop()
  // Killed when it had put the version back and told nobody yet.
  await place.add(versionOf(3))
  await mountFollowing(place.store, { ref: REF, target: place.target, by: 'follow', proof: 'pending' })
  await fetch(`${app.url}/reload`, { method: 'POST' })
  assert.equal(await app.served(), 3)
  const id = (await readlink(join(place.target, 'sentiment'))).split('/').at(-1) ?? ''
  await putBack(
    place.store,
    { target: place.target, name: 'sentiment', id, why: 'a test' },
    { link: false, graceMs: 0 },
  )
  const second = place.follow(task)
  await second.judged(1)
  assert.deepEqual([second.seen[0]?.version, second.seen[0]?.proof], ['sentiment:1', { is: 'served' }])
  assert.equal(await app.served(), 1)
  await second.stop()
})

test('a link that is ahead of the state, as a kill leaves it, is judged as well', async (t) => {
  const place = await start(t)
  const app = await place.app()
  const state = join(place.target, '.ballast/state.json')
  const task = { ...http(app.url), within: '500ms' }
  // Killed when the link had been swapped.
  let before = await readFile(state)
  await place.add(versionOf(2, 'never'))
  await mountFollowing(place.store, { ref: REF, target: place.target, by: 'follow', proof: 'pending' })
  await writeFile(state, before)
  const first = place.follow(task)
  await first.judged(1)
  assert.equal(first.seen[0]?.putBack?.version, 'sentiment:1')
  await first.stop()
  // Killed when the link had been put back: the version is tried again, and goes again.
  await place.add(versionOf(3, 'never'))
  await mountFollowing(place.store, { ref: REF, target: place.target, by: 'follow', proof: 'pending' })
  before = await readFile(state)
  const id = (await readlink(join(place.target, 'sentiment'))).split('/').at(-1) ?? ''
  const failed = { target: place.target, name: 'sentiment', id, why: 'a test' }
  await putBack(place.store, failed, { link: false, graceMs: 0 })
  await writeFile(state, before)
  const second = place.follow(task)
  await second.judged(1)
  assert.deepEqual(
    [second.seen[0]?.version, second.seen[0]?.putBack?.version],
    ['sentiment:3', 'sentiment:1'],
  )
  assert.equal(await app.served(), 1)
  await second.stop()
})

test('two replicas: one after the other or at once, all go back when one does not take it', async (t) => {
  for (const order of ['one-by-one', 'all'] as const) {
    const place = await start(t)
    const apps = [await place.app(), await place.app()]
    const plans = apps.map(({ url }, at) =>
      planReload(parseReloadFlags({ ...http(url), within: '700ms', order }) as Reload, { app: `api-${at}` }),
    )
    const follower = place.followPlans(plans)
    await place.add(versionOf(2))
    await follower.judged(1)
    assert.deepEqual(await Promise.all(apps.map((app) => app.served())), [2, 2])
    await place.add(versionOf(3, 'late'))
    await follower.judged(2)
    assert.match(follower.seen[1]?.proof.why ?? '', /^api-0: not ready/)
    assert.deepEqual(await Promise.all(apps.map((app) => app.served())), [2, 2])
    await follower.stop()
  }
})

test('a container that may write to the state cannot write to a terminal by it', async (t) => {
  const place = await start(t)
  const id = (await readlink(join(place.target, 'sentiment'))).split('/').at(-1) ?? ''
  await settleProof(place.target, {
    name: 'sentiment',
    id,
    proof: { is: 'failed', why: '\u001b[2Jgone\nsentiment:9 is served' },
  })
  assert.equal((await proofs(place))[0]?.why, '[2Jgone sentiment:9 is served')
})

interface Place {
  readonly store: Store
  readonly directory: string
  readonly target: string
  readonly add: (contents: ReturnType<typeof versionOf>) => Promise<unknown>
  readonly app: (env?: Readonly<Record<string, string>>) => ReturnType<typeof startApp>
  readonly follow: (flags: ReloadFlags) => Follower
  readonly followPlans: (plans: ReloadTask['plans']) => Follower
}

interface Follower {
  readonly seen: readonly Judged[]
  readonly troubles: readonly BallastError[]
  readonly judged: (count: number) => Promise<void>
  readonly stop: () => Promise<void>
  readonly ended: Promise<void>
}

/** A target that has the first version of the model already. */
async function start(t: TestContext): Promise<Place> {
  const store = await temporaryStore(t)
  const directory = await temporaryDirectory(t)
  const target = join(directory, 'models')
  const add = (contents: ReturnType<typeof versionOf>) => addVersion(store, REF, contents)
  await add(versionOf(1))
  await mountFollowing(store, { ref: REF, target })
  const followPlans = (plans: ReloadTask['plans']) =>
    follow(t, { store, target, task: taskOf({}, { plans }) })
  return {
    ...{ store, directory, target, add, followPlans },
    app: (env = {}) => startApp(t, join(target, 'sentiment'), { env }),
    follow: (flags) => followPlans([planReload(parseReloadFlags(flags) as Reload)]),
  }
}

function follow(
  t: TestContext,
  { store, target, task }: { readonly store: Store; readonly target: string; readonly task: ReloadTask },
): Follower {
  const ending = new AbortController()
  const seen: Judged[] = []
  const troubles: BallastError[] = []
  const following = followReloading(
    store,
    { ref: REF, target, task },
    {
      signal: ending.signal,
      onSwap: () => undefined,
      onTrouble: (error) => void troubles.push(error),
      onJudged: (judged) => void seen.push(judged),
    },
  )
  following.catch(() => undefined)
  const stop = async (): Promise<void> => {
    ending.abort()
    await following
  }
  t.after(() => ending.abort())
  return {
    seen,
    troubles,
    stop,
    ended: following,
    judged: (count) =>
      eventually(async () => assert.ok(seen.length >= count, `${troubles[0] ?? 'not judged yet'}`), {
        withinMs: 15_000,
      }),
  }
}

function taskOf(
  flags: ReloadFlags,
  { plans, retry = false }: { readonly plans?: ReloadTask['plans']; readonly retry?: boolean } = {},
): ReloadTask {
  return {
    plans: plans ?? [planReload(parseReloadFlags(flags) as Reload)],
    directory: '.',
    engine: { host: 'unix:///nonexistent/docker.sock', dockerConfig: '/nonexistent' },
    retry,
  }
}

function http(url: string): ReloadFlags {
  return { reload: `POST ${url}/reload`, ready: `GET ${url}/health`, within: '20s' }
}

async function proofs({ store, target }: Place): Promise<readonly Move['proof'][]> {
  return (await history(store, target, ACCESS)).map(({ proof }) => proof)
}
