import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { PROD_POLICY } from '../../test/fixtures/lifecycle.ts'
import { access, MODEL, NAME, PROD, refusedFor, scene } from '../../test/fixtures/stage-scene.ts'
import { eventually } from '../../test/fixtures/wait.ts'
import { type BallastError, isBallastError } from '../core/index.ts'
import { openStore } from '../store/index.ts'
import { embed } from './embed.ts'
import { followedElsewhere } from './followed-elsewhere.ts'
import { attachMetrics } from './metrics.ts'
import { follow, mountFollowing } from './mount.ts'
import { setPolicy } from './policies.ts'
import { promote } from './promote.ts'
import { pull } from './pull.ts'
import { push } from './push.ts'
import { remoteTag } from './remote-tag.ts'
import { resolveVersion } from './resolve.ts'
import { rollback } from './rollback.ts'
import { signStored } from './sign.ts'
import { rollbackTag, tag } from './tag.ts'

test('what stands in a stage is judged anew each time that it is used', async (t) => {
  const { store, directory, prepare, promoteTo, addModel } = await scene(t)
  await prepare('sentiment:1')
  await promoteTo('sentiment:1', 'prod')
  const target = join(directory, 'following')
  await mountFollowing(store, { ref: 'sentiment:prod', target })
  // Somebody has moved the tag past Ballast.
  const second = await addModel({ ...MODEL, 'config.json': '{"second":true}' })
  await using session = await store.begin()
  const move = { digest: second, kind: 'model', by: 'x', promotion: { who: 'x' } } as const
  await store.records.moveTag(session, NAME, PROD, move)
  await assert.rejects(
    mountFollowing(store, { ref: 'sentiment:prod', target }),
    refusedFor('signed', 'metrics.accuracy', 'approved', 'from'),
  )
  assert.equal(await readFile(join(target, 'sentiment', 'config.json'), 'utf8'), '{}')
  const failed = refusedFor('signed', 'metrics.accuracy', 'approved', 'from')
  const layout = `oci:${join(directory, 'layout')}:prod`
  await assert.rejects(push(store, { ref: 'sentiment:prod', remote: layout, access }), failed)
  const image = { models: ['sentiment:prod'], image: layout, result: layout, access }
  await assert.rejects(embed(store, image), failed)
  // By number or digest a version is no stage.
  await resolveVersion(store, 'sentiment:2')
  await resolveVersion(store, `sentiment@${second}`)
  // The policy itself may change.
  await rollbackTag(store, 'sentiment:prod', { why: 'back' })
  await resolveVersion(store, 'sentiment:prod')
  await writeFile(join(directory, 'stricter.yaml'), PROD_POLICY.replace('>=0.9', '>=0.95'))
  await setPolicy(store, { ref: 'sentiment:prod', file: join(directory, 'stricter.yaml'), access })
  await assert.rejects(resolveVersion(store, 'sentiment:prod'), refusedFor('metrics.accuracy'))
})

test('a target that follows a stage stays on its version while what the stage points to does not keep the policy, and says why', async (t) => {
  const { store, directory, prepare, promoteTo, addModel } = await scene(t)
  await prepare('sentiment:1')
  await promoteTo('sentiment:1', 'prod')
  const target = join(directory, 'following')
  const stop = new AbortController()
  t.after(() => stop.abort())
  const swaps: string[] = []
  const troubles: BallastError[] = []
  const following = follow(
    store,
    { ref: 'sentiment:prod', target },
    {
      signal: stop.signal,
      onSwap: ({ version }) => void swaps.push(version),
      onTrouble: (error) => void troubles.push(error),
      pace: { pauseMs: 20, troubleMs: () => 20 },
    },
  )
  await eventually(async () => assert.ok(swaps.length === 1))
  const second = await addModel({ ...MODEL, 'config.json': '{"second":true}' })
  await using session = await store.begin()
  const move = { digest: second, kind: 'model', by: 'x', promotion: { who: 'x' } } as const
  await store.records.moveTag(session, NAME, PROD, move)
  await eventually(async () => assert.ok(troubles.length > 0))
  refusedFor('signed', 'metrics.accuracy', 'approved', 'from')(troubles[0])
  assert.equal(await readFile(join(target, 'sentiment', 'config.json'), 'utf8'), '{}')
  await prepare('sentiment:2')
  await eventually(async () => assert.ok(swaps.length === 2))
  stop.abort()
  await following
  assert.deepEqual(swaps, ['sentiment:1', 'sentiment:2'])
})

test('a target that follows a stage is not rolled back to what does not keep its policy', async (t) => {
  const { store, directory, prepare, promoteTo, addModel } = await scene(t)
  const target = join(directory, 'following')
  const shown = (): Promise<string> => readFile(join(target, 'sentiment', 'config.json'), 'utf8')
  await prepare('sentiment:1')
  await promoteTo('sentiment:1', 'prod')
  await mountFollowing(store, { ref: 'sentiment:prod', target })
  await addModel({ ...MODEL, 'config.json': '{"second":true}' })
  await prepare('sentiment:2')
  await attachMetrics(store, {
    measured: [{ ref: 'sentiment:2', metrics: { accuracy: 0.97 } }],
    by: 'attach',
  })
  await promoteTo('sentiment:2', 'prod')
  await mountFollowing(store, { ref: 'sentiment:prod', target })
  await rollback(store, target, { access })
  assert.equal(await shown(), '{}')
  await mountFollowing(store, { ref: 'sentiment:prod', target })
  await writeFile(join(directory, 'stricter.yaml'), PROD_POLICY.replace('>=0.9', '>=0.95'))
  await setPolicy(store, { ref: 'sentiment:prod', file: join(directory, 'stricter.yaml'), access })
  await assert.rejects(rollback(store, target, { access }), refusedFor('metrics.accuracy'))
  assert.equal(await shown(), '{"second":true}')
})

test('what a stage elsewhere points to has been there only if that was recorded, and it goes back by records alone', async (t) => {
  const { store, directory, addModel } = await scene(t)
  const model = `oci:${join(directory, 'layout')}`
  const policy = async (stage: string, requires: string): Promise<unknown> => {
    const file = join(directory, `${stage}.yaml`)
    await writeFile(file, `requires: ${requires}`)
    return setPolicy(store, { ref: `${model}:${stage}`, file, access })
  }
  const promoted = (): ReturnType<typeof promote> =>
    promote(store, { ref: `${model}:1`, stage: 'prod', access })
  await addModel({ ...MODEL, 'config.json': '{"second":true}' })
  for (const ref of ['sentiment:1', 'sentiment:2']) await push(store, { ref, remote: model, access })
  await policy('prod', '{ from: staging }')
  // By a client that asks nobody.
  await remoteTag([`${model}:1`, 'staging'], access)
  await remoteTag([`${model}:2`, 'staging.was-1'], access)
  await promoted()
  await policy('staging', '{ signed: { by: [release.pub] } }')
  await assert.rejects(promoted(), refusedFor('from'))
  await assert.rejects(
    rollback(store, `${model}:staging`, { access }),
    (error) => isBallastError(error, 'CONFLICT') && /has never pointed to any other/.test(error.message),
  )
})

test('who knows the key of policies is not shown what the tag of the store was moved to past the stage that it is kept up with', async (t) => {
  const { store, directory, signers, addModel } = await scene(
    t,
    'requires: { signed: { by: [release.pub] } }',
  )
  const ref = 'sentiment:live'
  const from = `oci:${join(directory, 'layout')}:prod`
  const file = join(directory, 'policy.yaml')
  await signStored(store, {
    ref: 'sentiment:1',
    by: { kind: 'key', signer: signers.release },
    form: 'bundle',
  })
  await push(store, { ref: 'sentiment:1', remote: from, access })
  await setPolicy(store, { ref: from, file, signer: signers.release, access })
  await pull(store, { remote: from, name: ref, access })
  const knowing = await openStore(store.root, { policyKeys: [signers.release.publicKey.pem] })
  const followed = followedElsewhere(knowing, { ref, from, access })
  assert.equal((await resolveVersion(followed, ref)).number, 1)
  await addModel({ ...MODEL, 'config.json': '{"second":true}' })
  await tag(store, ['sentiment:2', ref])
  await assert.rejects(resolveVersion(followed, ref), refusedFor('signed'))
  await resolveVersion(followed, 'sentiment:2')
  await tag(store, ['sentiment:1', ref])
  assert.equal((await resolveVersion(followed, ref)).number, 1)
})
