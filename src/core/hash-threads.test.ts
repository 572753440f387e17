import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { createRandom } from '../../test/fixtures/random.ts'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { createHashThreads, type HashThreads } from './hash-threads.ts'

const seed = process.env.BALLAST_SEED ?? randomBytes(4).toString('hex')

for (const count of [0, 1, 2, 3]) {
  test(`with ${count} threads, the digests of many streams at once are those of node:crypto`, async (t) => {
    const threads = started(t, count)
    t.diagnostic(`seed ${seed}`)
    const random = createRandom(`${seed} ${count}`)
    const streams = Array.from({ length: 3 * count + 2 }, async (_, index) => {
      const expected = createHash('sha256')
      const hash = threads.start()
      const calls: Promise<void>[] = []
      for (let chunks = random.below(20); chunks > 0; chunks--) {
        const chunk = sharedChunk(random.bytes(random.below(200_000)))
        expected.update(chunk)
        // Not one after the other: the order of the calls counts.
        calls.push(hash.update(chunk))
      }
      const digest = await hash.digest()
      await Promise.all(calls)
      assert.equal(digest, `sha256:${expected.digest('hex')}`, `stream ${index}`)
    })
    await Promise.all(streams)
  })

  test(`with ${count} threads, a stream without a byte has the digest of nothing`, async (t) => {
    const digest = await started(t, count).start().digest()
    assert.equal(digest, `sha256:${createHash('sha256').digest('hex')}`)
  })

  test(`with ${count} threads, bytes of a file are read where they are`, async (t) => {
    const bytes = createRandom(`${seed} file`).bytes(17 * 1024 * 1024 + 3)
    const path = join(await temporaryDirectory(t), 'file')
    await writeFile(path, bytes)
    const handle = await open(path)
    t.after(() => handle.close())
    const threads = started(t, count)
    const hash = threads.start()
    const { fd } = handle
    await hash.updateFrom({ fd, offset: 0, length: 5 })
    await hash.updateFrom({ fd, offset: 5, length: bytes.length - 5 })
    assert.equal(await hash.digest(), `sha256:${createHash('sha256').update(bytes).digest('hex')}`)
    const sum = threads.startChecksum('md5')
    await assert.rejects(sum.updateFrom({ fd, offset: 0, length: bytes.length + 1 }), /ends before/)
  })

  test(`with ${count} threads, memory may be used again once its call has ended`, async (t) => {
    const hash = started(t, count).start()
    const expected = createHash('sha256')
    const chunk = sharedChunk(Buffer.alloc(1000))
    for (let turn = 0; turn < 50; turn++) {
      chunk.fill(turn)
      expected.update(chunk)
      await hash.update(chunk)
    }
    chunk.fill(0xff)
    assert.equal(await hash.digest(), `sha256:${expected.digest('hex')}`)
  })
}

test('a thread that dies fails the digests that it was making, at once and for good; the next one is made anew', async (t) => {
  const threads = started(t, 2)
  const [dying, other, beside] = [threads.start(), threads.start(), threads.start()]
  await Promise.all([dying, other, beside].map((hash) => hash.update(sharedChunk(Buffer.from('bytes')))))
  // Nothing that a hash takes: the thread ends over it.
  const killed = dying.update(7 as unknown as Uint8Array)
  const queued = dying.digest()
  await assert.rejects(killed, TypeError)
  await assert.rejects(queued)
  await assert.rejects(dying.update(sharedChunk(Buffer.from('more'))), TypeError)
  await assert.rejects(dying.digest(), TypeError)
  const digest = `sha256:${createHash('sha256').update('bytes').digest('hex')}`
  assert.equal(await other.digest(), digest)
  // Two threads for three streams: it was on the one that died.
  await assert.rejects(beside.digest(), TypeError)
  for (let turn = 0; turn < 4; turn++) {
    const next = threads.start()
    await next.update(sharedChunk(Buffer.from('bytes')))
    assert.equal(await next.digest(), digest)
  }
})

test('closing ends digests that are not finished, and begun ones fail rather than wait', async () => {
  const threads = createHashThreads(2)
  const hash = threads.start()
  await hash.update(sharedChunk(Buffer.from('x')))
  await threads.close()
  await assert.rejects(hash.digest(), /a hash thread ended/)
  await createHashThreads(1).close()
})

test('idle threads keep no process from ending, and busy ones do', async (t) => {
  const url = new URL('hash-threads.ts', import.meta.url)
  const program = join(await temporaryDirectory(t), 'hash.mjs')
  await writeFile(
    program,
    `import { createHashThreads } from ${JSON.stringify(url)}
    const hash = createHashThreads(2).start()
    hash.update(new Uint8Array(new SharedArrayBuffer(50_000_000)))
    hash.digest().then((digest) => console.log(digest))`,
  )
  const { stdout } = await promisify(execFile)(process.execPath, [program])
  assert.equal(stdout, `sha256:${createHash('sha256').update(Buffer.alloc(50_000_000)).digest('hex')}\n`)
})

function started(t: TestContext, count: number): HashThreads {
  const threads = createHashThreads(count)
  t.after(() => threads.close())
  return threads
}

function sharedChunk(bytes: Uint8Array): Uint8Array {
  const chunk = new Uint8Array(new SharedArrayBuffer(bytes.length))
  chunk.set(bytes)
  return chunk
}
