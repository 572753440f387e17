import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import {
  type ByteRange,
  type Content,
  createChecksummer,
  isBallastError,
  readAll,
} from '../../src/core/index.ts'
import type { Listing, RemoteFile, Source } from '../../src/sources/index.ts'
import { createRandom } from '../fixtures/random.ts'

/** What a test needs of a kind of source: servers that stand for, or are, the real ones. */
export interface SourceUnderTest {
  readonly kind: string
  /** Why it cannot be tested here. */
  readonly skip?: string | false
  /** The most files that a source of this kind has: 1 for an address of one file. */
  readonly mostFiles: number
  /** A source with these files, by path. */
  open(t: TestContext, contents: Readonly<Record<string, Buffer>>): Promise<OpenedSource>
  /** One whose bucket, repository or address is not there. */
  openMissing(t: TestContext): Promise<Source>
}

export interface OpenedSource {
  readonly source: Source
  /** Puts another content where the file is. */
  replace(path: string, data: Buffer): Promise<void>
}

const MIB = 1024 * 1024
const seed = process.env.BALLAST_SEED ?? randomBytes(4).toString('hex')

/** Everything that the port's contract says, held against one kind of source. */
export function testSource({ kind, skip = false, mostFiles, open, openMissing }: SourceUnderTest): void {
  const random = createRandom(`${seed} ${kind}`)
  const weights = random.bytes(3 * MIB + 17)
  const all = {
    'model.safetensors': weights,
    'config.json': Buffer.from('{"hidden_size": 8}'),
    'onnx/model with spaces é.onnx': random.bytes(70_000),
    'empty.txt': Buffer.alloc(0),
  }
  const contents: Readonly<Record<string, Buffer>> = Object.fromEntries(
    Object.entries(all).slice(0, mostFiles),
  )

  test(`${kind}: what is there is listed, once each, and can be read whole`, { skip }, async (t) => {
    t.diagnostic(`seed ${seed}`)
    const listing = await listed(t)
    assert.deepEqual(listing.files.map(({ path }) => path).sort(), Object.keys(contents).sort())
    for (const { path, size, content } of listing.files) {
      assert.equal(size, contents[path]?.length)
      assert.equal(content.size, size)
      assert.ok((await read(content)).equals(contents[path] as Buffer), path)
    }
    assert.equal(new Set(listing.files.map(({ identity }) => identity)).size, listing.files.length)
  })

  test(`${kind}: ranges are those that were asked for, several at once too`, { skip }, async (t) => {
    t.diagnostic(`seed ${seed}`)
    const { content } = fileIn(await listed(t))
    const ranges: ByteRange[] = [
      { offset: 0, length: 1 },
      { offset: weights.length - 1, length: 1 },
      { offset: 0, length: weights.length },
      { offset: 5, length: 0 },
      ...Array.from({ length: 12 }, () => {
        const offset = random.below(weights.length)
        return { offset, length: 1 + random.below(weights.length - offset) }
      }),
    ]
    await Promise.all(
      ranges.map(async (range) => {
        const part = weights.subarray(range.offset, range.offset + range.length)
        assert.ok((await read(content, range)).equals(part), JSON.stringify(range))
      }),
    )
  })

  test(`${kind}: checksums that are told are those of the bytes`, { skip }, async (t) => {
    for (const { path, checksums } of (await listed(t)).files) {
      for (const { algorithm, value, prefix = '' } of checksums) {
        const summer = createChecksummer(algorithm)
        summer.update(Buffer.from(prefix))
        summer.update(contents[path] as Buffer)
        assert.equal(value, summer.value(), `${algorithm} of ${path}`)
      }
    }
  })

  test(`${kind}: listed again, the same files have the same identities`, { skip }, async (t) => {
    const { source } = await open(t, contents)
    const [first, second] = [await source.list(), await source.list()]
    const identities = (listing: Listing) =>
      listing.files.map(({ path, identity }) => [path, identity]).sort()
    assert.deepEqual(identities(second), identities(first))
    assert.equal(second.revision, first.revision)
  })

  test(`${kind}: a file that is replaced is never read as the one that was listed`, { skip }, async (t) => {
    const { source, replace } = await open(t, contents)
    const before = fileIn(await source.list())
    const other = random.bytes(weights.length)
    await replace(before.path, other)
    const found = await read(before.content, { offset: MIB, length: MIB }).catch((error: unknown) => error)
    const isFormer = Buffer.isBuffer(found) && found.equals(weights.subarray(MIB, 2 * MIB))
    assert.ok(isFormer || isBallastError(found, 'REFUSED'), String(found))
    if (isBallastError(found)) assert.equal(found.retryable, false)
    const after = fileIn(await source.list())
    assert.notEqual(after.identity, before.identity)
    assert.ok((await read(after.content)).equals(other))
  })

  test(`${kind}: what is not there is told`, { skip }, async (t) => {
    const source = await openMissing(t)
    await assert.rejects(source.list(), (error) => {
      assert.ok(isBallastError(error, 'NOT_FOUND'), String(error))
      assert.ok(error.hint)
      return true
    })
  })

  test(`${kind}: a read and a listing can be given up`, { skip }, async (t) => {
    const { source } = await open(t, contents)
    const stop = new AbortController()
    const { content } = fileIn(await source.list())
    const reading = async (): Promise<void> => {
      for await (const _ of content.open(undefined, stop.signal)) stop.abort()
    }
    const interrupted = (error: unknown): boolean => isBallastError(error, 'INTERRUPTED')
    // A chunk may have been the last one.
    await reading().catch((error: unknown) => assert.ok(interrupted(error), String(error)))
    await assert.rejects(source.list({ signal: stop.signal }), interrupted)
    await assert.rejects(read(content, undefined, stop.signal), interrupted)
  })

  async function listed(t: TestContext): Promise<Listing> {
    return (await open(t, contents)).source.list()
  }
}

function fileIn({ files }: Listing): RemoteFile {
  const found = files.find(({ path }) => path === 'model.safetensors')
  assert.ok(found)
  return found
}

function read(content: Content, range?: ByteRange, signal?: AbortSignal): Promise<Buffer> {
  return readAll(content.open(range, signal), 64 * MIB)
}
