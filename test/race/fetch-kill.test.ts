import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { digestOf, hexOf, isBallastError } from '../../src/core/index.ts'
import { openStore } from '../../src/store/index.ts'
import { addSource } from '../../src/workflows/add-source.ts'
import { show } from '../../src/workflows/show.ts'
import { type FileServer, startFileServer } from '../doubles/file-server.ts'
import { startShapedProxy } from '../doubles/shaped-proxy.ts'
import { startProcess } from '../fixtures/processes.ts'
import { createRandom } from '../fixtures/random.ts'
import { temporaryDirectory } from '../fixtures/temporary.ts'

const MIB = 1024 * 1024
const seed = process.env.BALLAST_SEED ?? randomBytes(4).toString('hex')
const SIZE = 64 * MIB

async function place(t: TestContext): Promise<string> {
  return join(await temporaryDirectory(t), 'store')
}

async function soundVersion(store: string, bytes: Buffer): Promise<void> {
  const opened = await openStore(store)
  assert.deepEqual(
    (await show(opened, 'model')).files.map(({ digest }) => digest),
    [digestOf(bytes)],
  )
  assert.deepEqual((await opened.verify()).problems, [])
  await opened.gc()
  assert.deepEqual(await readdir(join(store, 'ballast/partial')).catch(() => []), [])
}

test('killed again and again, a download goes on where it was', async (t) => {
  t.diagnostic(`seed ${seed}`)
  const random = createRandom(seed)
  const bytes = random.bytes(SIZE)
  const server = await startFileServer(t, { '/w.bin': bytes })
  // Slow enough that a kill meets it, and that a busy machine leaves little of it in sockets.
  const link = await startShapedProxy({ targetPort: portOf(server), bytesPerSecond: 1e6 })
  t.after(link.close)
  const store = await place(t)
  const address = `http://127.0.0.1:${link.port}/w.bin`
  let kills = 0
  for (let until = 0.2; until < 0.9; until += 0.2 + random.next() * 0.2) {
    const adding = startProcess(t, 'add-address', [store, address])
    while (link.passed() < until * SIZE) await sleep(5)
    await adding.kill()
    assert.deepEqual((await (await openStore(store)).verify()).problems, [])
    kills++
  }
  await startProcess(t, 'add-address', [store, address]).ended
  const again = link.passed() / SIZE - 1
  t.diagnostic(`${kills} kills, ${(100 * again).toFixed(1)} % fetched again`)
  // With what was in memory and in sockets: of so small a file, a few hundredths each time.
  assert.ok(again < 0.1 * kills, `${(100 * again).toFixed(1)} % fetched again in ${kills} kills`)
  await soundVersion(store, bytes)
})

test('connections that are cut at random cost nothing but time', async (t) => {
  t.diagnostic(`seed ${seed}`)
  const random = createRandom(`${seed} cuts`)
  const bytes = random.bytes(SIZE)
  const server = await startFileServer(t, { '/w.bin': bytes })
  const link = await startShapedProxy({ targetPort: portOf(server), bytesPerSecond: 3e6 })
  t.after(link.close)
  const store = await place(t)
  const adding = addSource(await openStore(store), {
    name: 'model',
    address: `http://127.0.0.1:${link.port}/w.bin`,
    access: {},
  })
  let isOver = false
  const cutting = async (): Promise<void> => {
    for (let cut = 0; cut < 4 && !isOver; cut++) {
      const until = link.passed() + SIZE * 0.15
      while (link.passed() < until && !isOver) await sleep(5)
      link.cut()
    }
  }
  await Promise.all([cutting(), adding.finally(() => (isOver = true))])
  await soundVersion(store, bytes)
})

test('an object that is replaced in the middle is told, and the new one is had by the next command', async (t) => {
  const random = createRandom(`${seed} replaced`)
  const [former, later] = [random.bytes(SIZE), random.bytes(SIZE)]
  const server: FileServer = await startFileServer(
    t,
    { '/w.bin': former },
    {
      spoil(piece) {
        if (server.sent() > SIZE / 3) server.files.set('/w.bin', { bytes: later })
        return piece
      },
    },
  )
  const store = await place(t)
  const add = async () =>
    addSource(await openStore(store), { name: 'model', address: `${server.origin}/w.bin`, access: {} })
  const outcome = await add().catch((error: unknown) => error)
  assert.ok(isBallastError(outcome, 'REFUSED'), String(outcome))
  assert.match(outcome.message, /was replaced/)
  assert.deepEqual(await (await openStore(store)).blobs.list(), [])
  await add()
  await soundVersion(store, later)
})

test('a server that changes a byte is found out, and nothing of it stays', async (t) => {
  const bytes = createRandom(`${seed} wrong`).bytes(9 * MIB)
  const spoil = (piece: Buffer, at: number): Buffer => (at === 0 ? Buffer.alloc(piece.length, 7) : piece)
  const { origin } = await startFileServer(t, { '/w.bin': bytes }, { spoil })
  const store = await openStore(await place(t))
  const address = `${origin}/w.bin#sha256=${hexOf(digestOf(bytes))}`
  await assert.rejects(
    addSource(store, { name: 'model', address, access: {} }),
    (error) => isBallastError(error, 'DAMAGED') && /w\.bin: sha256:\w+ was to come/.test(error.message),
  )
  assert.deepEqual(await store.blobs.list(), [])
})

function portOf({ origin }: FileServer): number {
  return Number(new URL(origin).port)
}
