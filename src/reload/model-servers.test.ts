import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startServing, startTriton } from '../../test/doubles/model-servers.ts'
import { temporaryDirectory, writeFiles } from '../../test/fixtures/temporary.ts'
import { digestOf } from '../core/index.ts'
import type { Reload } from '../model/index.ts'
import { planReload } from './plan.ts'
import { type Proof, prove } from './prove.ts'

async function prepare(t: TestContext) {
  const repository = await temporaryDirectory(t)
  return {
    repository,
    version: (number: number, behaviour = 'good') =>
      writeFiles(join(repository, 'sentiment', `${number}`), { behaviour }),
  }
}

function provenBy(reload: Reload, number: number): Promise<Proof> {
  const version = { model: 'team/sentiment', digest: digestOf(`${number}`), number, name: 'sentiment' }
  const plan = planReload({ within: '2s', ...reload })
  return prove(
    { name: 'server' },
    { plan, version, directory: '/', target: { directory: undefined }, engine: undefined },
  )
}

test('Triton loads on a call, and serves the version when it says so of that one', async (t) => {
  const { repository, version } = await prepare(t)
  await version(3)
  const { url, served } = await startTriton(t, repository)
  assert.deepEqual(await provenBy({ triton: url }, 3), { is: 'served' })
  await version(4, 'fails')
  const failed = await provenBy({ triton: `${url}/` }, 4)
  assert.match(failed.is === 'failed' ? failed.why : '', /load answers 400: .*version 4 .* has no signature/)
  assert.equal(served.get('sentiment'), 3)
  await version(5)
  assert.deepEqual(await provenBy({ triton: url }, 5), { is: 'served' })
  // A version that it does not load, as one that is not the latest.
  const late = await provenBy({ triton: url, within: '1s' }, 3)
  assert.match(late.is === 'failed' ? late.why : '', /^not ready after 1 s: .*UNAVAILABLE, unloaded$/)
})

test('one that polls is waited for; its index says why it does not become ready', async (t) => {
  const { repository, version } = await prepare(t)
  await version(3)
  const { url, poll } = await startTriton(t, repository, { polls: true })
  const proven = provenBy({ triton: url }, 3)
  await poll()
  assert.deepEqual(await proven, { is: 'served' })
  await version(4, 'fails')
  await poll()
  const failed = await provenBy({ triton: url, within: '1s' }, 4)
  assert.match(
    failed.is === 'failed' ? failed.why : '',
    /not ready after .*UNAVAILABLE, Internal: .* no signature/,
  )
})

test('TensorFlow Serving serves a version that is AVAILABLE, and one that ended with an error is told at once', async (t) => {
  const { repository, version } = await prepare(t)
  await version(3)
  const { url, poll, served } = await startServing(t, repository)
  const proven = provenBy({ tfserving: url }, 3)
  await poll()
  assert.deepEqual(await proven, { is: 'served' })
  await version(4, 'fails')
  await poll()
  assert.deepEqual(await provenBy({ tfserving: url }, 4), {
    is: 'failed',
    why: 'Internal: sentiment 4 has no signature',
  })
  assert.equal(served.get('sentiment'), 3)
  const none = await provenBy({ tfserving: url, within: '1s' }, 5)
  assert.match(none.is === 'failed' ? none.why : '', /names another version/)
})

test('a server that does not answer has not taken it', async () => {
  for (const reload of [{ triton: 'http://127.0.0.1:1' }, { tfserving: 'http://127.0.0.1:1' }]) {
    const proof = await provenBy({ ...reload, within: '1s' }, 3)
    assert.match(proof.is === 'failed' ? proof.why : '', /not ready after 1 s: .*does not answer/)
  }
})
