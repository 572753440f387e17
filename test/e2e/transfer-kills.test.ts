import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createStoreStorage, startRegistry } from '../../src/registry/index.ts'
import { openStore } from '../../src/store/index.ts'
import { type CountingProxy, startCountingProxy } from '../doubles/counting-proxy.ts'
import { ask, run, start } from '../fixtures/command.ts'
import { createRandom } from '../fixtures/random.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

const KILLS = 3
const FILES = 3
const FILE_SIZE = 64 * 1024 * 1024
const TOTAL = FILES * FILE_SIZE
/** What eight connections and their sockets may hold when a process is killed that a busy machine had no time for, in bytes. */
const ON_THE_WAY = 24 * 1024 * 1024

interface Scene {
  readonly directory: string
  readonly store: string
  readonly proxy: CountingProxy
  readonly digest: string
}

async function setUp(t: TestContext): Promise<Scene> {
  const directory = await temporaryDirectory(t)
  const random = createRandom('transfer-kills')
  const files = Array.from({ length: FILES }, (_, at) => [`w${at}.bin`, random.bytes(FILE_SIZE)] as const)
  await writeFiles(join(directory, 'model'), Object.fromEntries(files))
  const store = join(directory, 'store')
  const { digest } = await ask<{ digest: string }>(['add', 'big', join(directory, 'model')], { store })
  const registry = await startRegistry({
    storage: createStoreStorage(await openStore(join(directory, 'served'))),
  })
  t.after(() => registry.close())
  const proxy = await startCountingProxy({ host: '127.0.0.1', port: Number(registry.host.split(':')[1]) })
  t.after(() => proxy.close())
  return { directory, store, proxy, digest }
}

/** `kill -9` each time that so many more bytes have moved, then once to the end. */
async function killed(
  args: readonly string[],
  { store, moved }: { readonly store: string; readonly moved: () => number },
): Promise<void> {
  for (let kill = 1; kill <= KILLS; kill++) {
    const before = moved()
    const running = start(args, { store })
    while (running.child.exitCode === null && moved() - before < TOTAL / (KILLS + 2)) await sleep(5)
    running.kill()
    await running.ended
  }
  const last = await run(args, { store })
  assert.equal(last.code, 0, last.stderr)
}

test('a push that is killed goes on where the registry says that it stopped', async (t) => {
  const { directory, store, proxy, digest } = await setUp(t)
  await killed(['push', 'big', `${proxy.host}/big`], { store, moved: () => proxy.sent.blobs })
  t.diagnostic(`${((proxy.sent.blobs / TOTAL - 1) * 100).toFixed(1)} % sent again`)
  assert.ok(proxy.sent.blobs < TOTAL + KILLS * ON_THE_WAY, `${proxy.sent.blobs} bytes of ${TOTAL}`)
  const other = join(directory, 'other')
  assert.equal(
    (await ask<{ digest: string }>(['pull', `${proxy.host}/big`], { store: other })).digest,
    digest,
  )
})

test('a pull that is killed goes on where it stopped, and the store is whole', async (t) => {
  const { directory, store, proxy, digest } = await setUp(t)
  await ask(['push', 'big', `${proxy.host}/big`], { store })
  const other = join(directory, 'other')
  proxy.reset()
  await killed(['pull', `${proxy.host}/big`], { store: other, moved: () => proxy.received.blobs })
  t.diagnostic(`${((proxy.received.blobs / TOTAL - 1) * 100).toFixed(1)} % fetched again`)
  assert.ok(proxy.received.blobs < TOTAL + KILLS * ON_THE_WAY, `${proxy.received.blobs} bytes of ${TOTAL}`)
  const listed = await ask<readonly { digest: string }[]>(['list', 'big'], { store: other })
  assert.deepEqual(
    listed.map((version) => version.digest),
    [digest],
  )
  assert.equal((await run(['verify'], { store: other })).code, 0)
})
