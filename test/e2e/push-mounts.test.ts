import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openStore, type Store } from '../../src/store/index.ts'
import { add } from '../../src/workflows/add.ts'
import { pull } from '../../src/workflows/pull.ts'
import { push as pushFrom } from '../../src/workflows/push.ts'
import { dockerRegistryMissing, startDockerRegistry } from '../doubles/docker-registry.ts'
import type { Plan } from '../doubles/faulty-plan.ts'
import { type FaultyServer, startFaultyServer } from '../doubles/faulty-server.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

const skip = dockerRegistryMissing() ?? false
const FILES = { 'weights.bin': 'w'.repeat(200_000), 'vocab.txt': 'words' }

interface Scene {
  readonly store: Store
  readonly server: FaultyServer
  readonly push: (remote: string, ref?: string) => ReturnType<typeof pushFrom>
  readonly access: { readonly dockerConfig: string }
  readonly directory: string
}

/** A store with a model, and a registry that refuses mounts with a status, where one is given. */
async function scene(t: TestContext, refusal: () => number | undefined): Promise<Scene> {
  const registry = await startDockerRegistry()
  assert.ok(registry)
  t.after(() => registry.close())
  const plan: Plan = () => {
    const status = refusal()
    return status === undefined ? undefined : { kind: 'mount', status }
  }
  const server = await startFaultyServer(t, { target: registry.host, plan })
  const directory = await temporaryDirectory(t)
  await writeFiles(join(directory, 'model'), FILES)
  const store = await openStore(join(directory, 'store'))
  await add(store, { name: 'm', sources: [join(directory, 'model')] })
  const access = { dockerConfig: directory, patience: { retryDelays: [1, 1] } }
  return {
    store,
    server,
    directory,
    access,
    push: (remote, ref = 'm:1') => pushFrom(store, { ref, remote: `${server.host}/${remote}`, access }),
  }
}

test('what a store has pushed to a registry, or pulled from it, is mounted there and not sent again', {
  skip,
}, async (t) => {
  const { store, server, push, access, directory } = await scene(t, () => undefined)
  assert.ok((await push('team/m:prod')).bytesSent > 200_000)
  const sent = server.uploaded()
  const other = await push('production/m:prod')
  assert.equal(other.bytesSent, 0)
  assert.deepEqual([...new Set(other.blobs.map(({ how }) => how))], ['mounted'])
  // What is attached is small, and goes as it is.
  assert.ok(server.uploaded() - sent < 1000)
  // Another model with one of its files.
  await writeFiles(join(directory, 'another'), { ...FILES, 'vocab.txt': 'other words' })
  await add(store, { name: 'another', sources: [join(directory, 'another')] })
  const part = await push('team/another', 'another:1')
  assert.deepEqual(part.blobs.map(({ how }) => how).sort(), ['mounted', 'sent', 'sent'])

  await t.test('also by a store that has only pulled', async () => {
    const second = await openStore(join(directory, 'second'))
    await pull(second, { remote: `${server.host}/production/m:prod`, name: 'mine', access })
    const there = await pushFrom(second, {
      ref: 'mine:1',
      remote: `${server.host}/elsewhere/m`,
      access,
    })
    assert.equal(there.bytesSent, 0)
  })
})

test('a registry that does not mount is sent the bytes, however it says so', { skip }, async (t) => {
  let refusal = 0
  const { server, push, access, directory } = await scene(t, () => refusal)
  for (const status of [202, 401, 403, 404, 405, 500]) {
    await t.test(`${status}`, async () => {
      refusal = status
      await push('team/m:prod')
      const { digest, blobs } = await push(`refused-${status}/m:prod`)
      assert.ok(blobs.every(({ how }) => how === 'sent'))
      const asked = new RegExp(`refused-${status}/m/blobs/uploads/\\?mount=sha256.*&from=`)
      assert.ok(server.log.some(({ path }) => asked.test(path)))
      const second = await openStore(join(directory, `to-${status}`))
      const pulled = await pull(second, { remote: `${server.host}/refused-${status}/m:prod`, access })
      assert.equal(pulled.digest, digest)
      assert.deepEqual((await second.verify()).problems, [])
    })
  }
})
