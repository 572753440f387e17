import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { createRandom } from '../../test/fixtures/random.ts'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { type ByteSource, copyHashed, fileSource, hashOf, sourceOf } from './hashed-copy.ts'

const MIB = 1024 * 1024
/** What is read at once, as the source is asked. */
const CHUNK = 2 * MIB
/** Buffers that all copies of the process share. */
const BUFFERS = 16

const SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK - 1, 20 * CHUNK + 17]
for (const size of SIZES) {
  test(`a file of ${size} bytes is copied and hashed, and hashed alone`, async (t) => {
    const data = createRandom(`${size}`).bytes(size)
    const { path, handle } = await emptyFile(t)
    const counted: number[] = []
    const copied = await copyHashed(sourceOf(inPieces(data, 700_001)), handle, {
      onBytes: (n) => counted.push(n),
    })
    assert.deepEqual(copied, { digest: sha256(data), size })
    assert.ok((await readFile(path)).equals(data))
    assert.equal(
      counted.reduce((sum, n) => sum + n, 0),
      size,
    )
    assert.deepEqual(await hashOf(fileSource(handle)), copied)
  })
}

test('a source may give as little at a time as it likes', async (t) => {
  const piece = fc.integer({ min: 1, max: 3000 })
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 20_000 }),
      fc.array(piece, { minLength: 1 }),
      async (data, pieces) => {
        const { path, handle } = await emptyFile(t)
        const copied = await copyHashed(dribbling(data, pieces), handle)
        assert.deepEqual(copied, { digest: sha256(data), size: data.length })
        assert.deepEqual(new Uint8Array(await readFile(path)), data)
      },
    ),
    { numRuns: 30 },
  )
})

test('more copies at once than there are buffers all end, each with its own bytes', async (t) => {
  const seed = process.env.BALLAST_SEED ?? randomBytes(4).toString('hex')
  t.diagnostic(`seed ${seed}`)
  const random = createRandom(seed)
  const copies = Array.from({ length: 3 * BUFFERS }, async () => {
    const data = random.bytes(random.below(2 * CHUNK))
    const { path, handle } = await emptyFile(t)
    const { digest } = await copyHashed(sourceOf(inPieces(data, 1 + random.below(CHUNK))), handle)
    assert.equal(digest, sha256(data))
    assert.equal(sha256(await readFile(path)), digest)
  })
  await Promise.all(copies)
})

test('sources that wait for somebody else take no memory from the others', async (t) => {
  const ends: (() => void)[] = []
  const stalled = Array.from({ length: 2 * BUFFERS }, async () => {
    async function* peer(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('first')
      await new Promise<void>((resolve) => ends.push(resolve))
      yield Buffer.from('last')
    }
    const { handle } = await emptyFile(t)
    return copyHashed(sourceOf(peer()), handle)
  })
  while (ends.length < stalled.length) await sleep(5)
  const { handle } = await emptyFile(t)
  const data = createRandom('beside').bytes(3 * CHUNK)
  assert.equal((await copyHashed(sourceOf(inPieces(data, CHUNK)), handle)).digest, sha256(data))
  for (const end of ends) end()
  for (const { digest } of await Promise.all(stalled)) assert.equal(digest, sha256(Buffer.from('firstlast')))
})

test('a slow disk makes the source wait: what is read and not yet written is bounded', async () => {
  const disk = fakeHandle()
  let read = 0
  let most = 0
  const source: ByteSource = {
    async read(into) {
      most = Math.max(most, read - disk.written())
      if (read === 100 * CHUNK) return 0
      read += into.length
      return into.length
    },
  }
  const copied = await copyHashed(source, disk.handle)
  assert.equal(copied.size, 100 * CHUNK)
  assert.ok(most > CHUNK, 'reading goes on beside writing')
  assert.ok(most <= BUFFERS * CHUNK, `${most / CHUNK} chunks`)
})

test('a long copy is synced on the way, never twice at once', async () => {
  const disk = fakeHandle()
  await copyHashed(zeros(300 * CHUNK), disk.handle)
  assert.ok(disk.syncs() >= 1 && disk.syncs() <= 4, `${disk.syncs()}`)
  assert.equal(disk.mostSyncsAtOnce(), 1)
})

const FAILURES: readonly (readonly [string, Failing, RegExp])[] = [
  ['a source that fails at once', { readAt: 0 }, /read 0/],
  ['a source that fails midway', { readAt: 9 }, /read 9/],
  ['the first write', { writeAt: 0 }, /write 0/],
  ['a write midway', { writeAt: 30 }, /write 30/],
  ['the last write', { writeAt: 99 }, /write 99/],
  ['a sync', { syncAt: 0 }, /sync 0/],
  ['a listener', { tellAt: 5 }, /told 5/],
]
for (const [what, failing, message] of FAILURES) {
  test(`a failure of ${what} fails the copy, after which nothing uses the file`, async () => {
    const disk = fakeHandle(failing)
    let reads = 0
    const source: ByteSource = {
      async read(into) {
        if (reads === failing.readAt) throw new Error(`read ${reads}`)
        return reads++ < 100 ? into.length : 0
      },
    }
    let told = 0
    const onBytes = (): void => {
      if (told++ === failing.tellAt) throw new Error(`told ${told - 1}`)
    }
    await assert.rejects(copyHashed(source, disk.handle, { onBytes }), message)
    await assertQuiet(disk, () => reads)
    // The buffers are back: as many as there are can be taken by one that needs them all.
    assert.equal(
      (await copyHashed(zeros(3 * BUFFERS * CHUNK), fakeHandle().handle)).size,
      3 * BUFFERS * CHUNK,
    )
  })
}

test('an abort ends the copy between two chunks, after which nothing uses the file', async () => {
  for (const at of [0, 7]) {
    const controller = new AbortController()
    const disk = fakeHandle()
    let reads = 0
    const source: ByteSource = {
      async read(into) {
        if (++reads === at) controller.abort()
        return into.length
      },
    }
    if (at === 0) controller.abort()
    await assert.rejects(copyHashed(source, disk.handle, { signal: controller.signal }), {
      code: 'INTERRUPTED',
    })
    assert.equal(reads, at)
    await assertQuiet(disk, () => reads)
  }
})

test('of several failures one is told, and none is left unhandled', async () => {
  const disk = fakeHandle({ writeAt: 2, everyWriteAfter: true, syncAt: 0 })
  await assert.rejects(copyHashed(zeros(200 * CHUNK), disk.handle), /write \d+/)
  await sleep(20)
})

test('a short write is continued', async (t) => {
  const { path, handle } = await emptyFile(t)
  const data = createRandom('short').bytes(CHUNK + 5)
  const short = {
    write: (bytes: Uint8Array, offset: number, length: number, position: number) =>
      handle.write(bytes, offset, Math.min(length, 300_000), position),
  } as unknown as FileHandle
  assert.equal((await copyHashed(sourceOf(inPieces(data, CHUNK)), short)).digest, sha256(data))
  assert.ok((await readFile(path)).equals(data))
})

test('an iterator is read to its end, over chunks of every length', async () => {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (const text of ['', 'one', '', '', 'two', 'three', '']) yield Buffer.from(text)
  }
  const source = sourceOf(chunks())
  const into = new Uint8Array(2)
  const parts: string[] = []
  for (let length = await source.read(into); length > 0; length = await source.read(into))
    parts.push(Buffer.from(into.subarray(0, length)).toString())
  assert.deepEqual(parts, ['on', 'e', 'tw', 'o', 'th', 're', 'e'])
  assert.equal(await source.read(into), 0)
})

test('a file is read from its beginning, wherever its handle stands, and leaves it there', async (t) => {
  const { handle } = await emptyFile(t)
  await handle.write('0123456789')
  const source = fileSource(handle)
  const into = new Uint8Array(4)
  const lengths = [
    await source.read(into),
    await source.read(into),
    await source.read(into),
    await source.read(into),
  ]
  assert.deepEqual(lengths, [4, 4, 2, 0])
  await handle.write('!')
  assert.equal((await hashOf(fileSource(handle))).digest, sha256(Buffer.from('0123456789!')))
})

interface Failing {
  readonly readAt?: number
  readonly writeAt?: number
  readonly everyWriteAfter?: boolean
  readonly syncAt?: number
  readonly tellAt?: number
}

interface FakeHandle {
  readonly handle: FileHandle
  readonly written: () => number
  readonly syncs: () => number
  readonly mostSyncsAtOnce: () => number
  /** Calls so far, and those that have not ended. */
  readonly calls: () => number
  readonly open: () => number
}

/** A file without a disk, whose calls take a turn or two. */
function fakeHandle({ writeAt, everyWriteAfter, syncAt }: Failing = {}): FakeHandle {
  const counts = { written: 0, writes: 0, syncs: 0, syncing: 0, mostSyncing: 0, calls: 0, open: 0 }
  const call = async <T>(work: () => Promise<T>): Promise<T> => {
    counts.calls++
    counts.open++
    try {
      return await work()
    } finally {
      counts.open--
    }
  }
  const handle = {
    write: (_: Uint8Array, __: number, length: number) =>
      call(async () => {
        const write = counts.writes++
        await sleep(1)
        if (write === writeAt || (everyWriteAfter === true && write >= (writeAt ?? 0)))
          throw new Error(`write ${write}`)
        counts.written += length
        return { bytesWritten: length }
      }),
    datasync: () =>
      call(async () => {
        const sync = counts.syncs++
        counts.mostSyncing = Math.max(counts.mostSyncing, ++counts.syncing)
        await sleep(5)
        counts.syncing--
        if (sync === syncAt) throw new Error(`sync ${sync}`)
      }),
  }
  return {
    handle: handle as unknown as FileHandle,
    written: () => counts.written,
    syncs: () => counts.syncs,
    mostSyncsAtOnce: () => counts.mostSyncing,
    calls: () => counts.calls,
    open: () => counts.open,
  }
}

async function assertQuiet(disk: FakeHandle, reads: () => number): Promise<void> {
  assert.equal(disk.open(), 0)
  const before = [disk.calls(), reads()]
  await sleep(30)
  assert.deepEqual([disk.calls(), reads()], before)
}

async function emptyFile(t: TestContext): Promise<{ path: string; handle: FileHandle }> {
  const path = join(await temporaryDirectory(t), 'file')
  const handle = await open(path, 'w+')
  t.after(() => handle.close())
  return { path, handle }
}

async function* inPieces(data: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < data.length; at += length) yield data.subarray(at, at + length)
}

function dribbling(data: Uint8Array, pieces: readonly number[]): ByteSource {
  let at = 0
  let turn = 0
  return {
    async read(into) {
      const part = data.subarray(at, at + Math.min(into.length, pieces[turn++ % pieces.length] ?? 1))
      into.set(part)
      at += part.length
      return part.length
    },
  }
}

function zeros(size: number): ByteSource {
  let left = size
  return {
    async read(into) {
      const length = Math.min(left, into.length)
      left -= length
      return length
    },
  }
}

function sha256(data: Uint8Array): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`
}
