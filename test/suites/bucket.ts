import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { Bucket, BucketObject } from '../../src/buckets/index.ts'
import { BallastError, bytesContent, type Content, digestOf, readAll } from '../../src/core/index.ts'
import { RETRY_DELAYS, retriedContent } from '../../src/http/index.ts'
import { createRandom } from '../fixtures/random.ts'
import { rejects } from '../fixtures/rejects.ts'

/** An empty bucket, or one that other tests use too: every test has a prefix of its own in it. */
export interface BucketFactory {
  readonly open: (name?: string) => Promise<Bucket>
  /** Whether the server keeps conditions of writes. */
  readonly conditional: boolean
  /** Of what is written by one request. */
  readonly checksum: 'md5' | undefined
  /** Why all of this is to be skipped. */
  readonly skip?: string | undefined
}

const LIMIT = 64 * 1024 * 1024
let prefixes = 0

/** What every Bucket promises. Call it at the top of a test file. */
export function bucketSuite(name: string, { open, conditional, checksum, skip }: BucketFactory): void {
  const bucketTest = (
    title: string,
    body: (bucket: Bucket, prefix: string, context: TestContext) => Promise<void>,
  ) => test(title, async (context) => body(await open(), `${process.pid}-${++prefixes}/`, context))

  describe(`${name} is a bucket`, { skip }, () => {
    bucketTest('what is put is there, whole and in ranges', async (bucket, prefix) => {
      for (const data of [
        Buffer.from('hello, object'),
        Buffer.alloc(0),
        Buffer.alloc(3_000_001, 'abcdefg'),
      ]) {
        const key = `${prefix}${data.length}`
        assert.equal(await bucket.head(key), undefined)
        assert.equal(await bucket.put(key, data), true)
        const object = await headOf(bucket, key)
        assert.equal(object.size, data.length)
        const content = bucket.open(object)
        assert.equal(content.size, data.length)
        assert.ok((await readAll(content.open(), LIMIT)).equals(data))
        for (const range of [
          { offset: 0, length: Math.min(5, data.length) },
          { offset: data.length >> 1, length: data.length >> 2 },
          { offset: data.length, length: 0 },
        ]) {
          const part = await readAll(content.open(range), LIMIT)
          assert.ok(
            part.equals(data.subarray(range.offset, range.offset + range.length)),
            JSON.stringify(range),
          )
        }
        assert.deepEqual(await bucket.get(key, { limit: LIMIT }), data)
      }
    })

    bucketTest('many ranges are read at once', async (bucket, prefix) => {
      const data = createRandom('ranges').bytes(4_000_000)
      await bucket.put(`${prefix}a`, data)
      const content = bucket.open(await headOf(bucket, `${prefix}a`))
      const parts = [...Array(40).keys()].map((n) => ({ offset: n * 100_000, length: 100_000 }))
      const read = await Promise.all(parts.map((range) => readAll(content.open(range), LIMIT)))
      assert.ok(Buffer.concat(read).equals(data))
    })

    bucketTest('a range that is not read to its end leaves nothing behind', async (bucket, prefix) => {
      const data = Buffer.alloc(4_000_000, 'x')
      await bucket.put(`${prefix}a`, data)
      const content = retriedContent(bucket.open(await headOf(bucket, `${prefix}a`)), {
        delays: RETRY_DELAYS,
      })
      for (let n = 0; n < 20; n++) {
        for await (const _ of content.open()) break
      }
      assert.ok((await readAll(content.open(), LIMIT)).equals(data))
    })

    bucketTest('keys keep their characters', async (bucket, prefix) => {
      const keys = ['a b', 'c+d', 'e%20f', 'ü', 'x&y=z?', '#1', "it's", 'a/b/c', '日本'].map(
        (key) => prefix + key,
      )
      for (const key of keys) await bucket.put(key, Buffer.from(key))
      assert.deepEqual([...(await keysIn(bucket, prefix))].sort(), [...keys].sort())
      for (const key of keys) {
        assert.equal(`${await readAll(bucket.open(await headOf(bucket, key)).open(), LIMIT)}`, key)
        assert.equal(`${await bucket.get(key, { limit: LIMIT })}`, key)
      }
    })

    bucketTest(
      'a listing has all pages, by rising key, with sizes, versions and times',
      async (bucket, prefix) => {
        const keys = [...Array(25).keys()].map((n) => `${prefix}${String(n).padStart(5, '0')}`)
        await Promise.all(keys.map((key) => bucket.put(key, Buffer.from('x'))))
        await bucket.put(`${prefix.slice(0, -1)}-beside`, Buffer.from('not below the prefix'))
        const objects = await listOf(bucket, prefix, { pageSize: 10 })
        assert.deepEqual(
          objects.map(({ key }) => key),
          keys,
        )
        assert.deepEqual(await keysIn(bucket, prefix), keys)
        for (const { size, version, modified } of objects.slice(0, 3)) {
          assert.equal(size, 1)
          assert.notEqual(version, '')
          assert.ok(Math.abs(modified.getTime() - Date.now()) < 3_600_000)
        }
        const { version } = await headOf(bucket, keys[7] ?? '')
        assert.equal(objects[7]?.version, version, 'a listing and a look at one object tell the same version')
        assert.deepEqual(await listOf(bucket, `${prefix}nothing`), [])
      },
    )

    bucketTest(
      'a read of what was replaced or removed is refused, and gives no byte',
      async (bucket, prefix) => {
        const key = `${prefix}a`
        await bucket.put(key, Buffer.from('first'))
        const content = bucket.open(await headOf(bucket, key))
        await bucket.put(key, Buffer.from('secnd'))
        await rejects(readAll(content.open(), LIMIT), 'REFUSED')
        await rejects(readAll(content.open({ offset: 1, length: 2 }), LIMIT), 'REFUSED')
        await bucket.remove(key)
        await rejects(readAll(content.open(), LIMIT), 'REFUSED')
      },
    )

    bucketTest('what was removed is gone, and may be removed again', async (bucket, prefix) => {
      await bucket.put(`${prefix}a`, Buffer.from('a'))
      await bucket.remove(`${prefix}a`)
      await bucket.remove(`${prefix}a`)
      assert.equal(await bucket.head(`${prefix}a`), undefined)
      assert.equal(await bucket.get(`${prefix}a`, { limit: LIMIT }), undefined)
      assert.deepEqual(await listOf(bucket, prefix), [])
    })

    bucketTest('more than the limit is not taken into memory', async (bucket, prefix) => {
      await bucket.put(`${prefix}a`, Buffer.alloc(100))
      await rejects(bucket.get(`${prefix}a`, { limit: 99 }), 'REFUSED')
    })

    bucketTest('content of any size is uploaded, and read again', async (bucket, prefix) => {
      for (const size of [0, 1, 16 * 1024 * 1024, 40 * 1024 * 1024 + 3]) {
        const data = createRandom(`upload ${size}`).bytes(size)
        const seen: string[] = []
        let bytes = 0
        await bucket.upload(`${prefix}${size}`, inPieces(data), {
          digest: digestOf(data),
          item: 'weights',
          onProgress(event) {
            if (event.kind === 'bytes') bytes += event.count
            else seen.push(event.kind)
          },
        })
        assert.deepEqual([seen, bytes], [['start', 'done'], size])
        const object = await headOf(bucket, `${prefix}${size}`)
        assert.ok((await readAll(bucket.open(object).open(), LIMIT)).equals(data), `${size} bytes`)
      }
    })

    bucketTest('what is not the digest never becomes visible', async (bucket, prefix) => {
      for (const size of [1000, 17 * 1024 * 1024]) {
        const data = Buffer.alloc(size, 'y')
        const wrong = { digest: digestOf('something else'), item: 'weights' }
        await rejects(bucket.upload(`${prefix}${size}`, inPieces(data), wrong), 'DAMAGED')
        const short = { size: size + 1, open: inPieces(data).open }
        await rejects(
          bucket.upload(`${prefix}${size}`, short, { ...wrong, digest: digestOf(data) }),
          'DAMAGED',
        )
        assert.equal(await bucket.head(`${prefix}${size}`), undefined)
      }
    })

    bucketTest('content that fails leaves nothing, and can be uploaded again', async (bucket, prefix) => {
      const data = Buffer.alloc(18 * 1024 * 1024, 'z')
      const failing: Content = {
        size: data.length,
        async *open() {
          yield data.subarray(0, data.length - 1)
          throw new BallastError('DISK', 'the disk reports an input/output error')
        },
      }
      const options = { digest: digestOf(data), item: 'weights' }
      await rejects(bucket.upload(`${prefix}a`, failing, options), 'DISK')
      assert.equal(await bucket.head(`${prefix}a`), undefined)
      await bucket.upload(`${prefix}a`, bytesContent(data), options)
      assert.equal((await headOf(bucket, `${prefix}a`)).size, data.length)
    })

    bucketTest('checksums that are told are those of the content', async (bucket, prefix) => {
      await bucket.put(`${prefix}a`, Buffer.from('a'))
      const { checksums = [] } = await headOf(bucket, `${prefix}a`)
      const md5 = checksums.find(({ algorithm }) => algorithm === 'md5')?.value
      assert.equal(md5, checksum === 'md5' ? '0cc175b9c0f1b6a831c399e269772661' : undefined)
    })

    bucketTest('what was begun and never completed can be given up', async (bucket, prefix) => {
      assert.equal(await bucket.removeUnfinished(prefix, new Date(Date.now() + 60_000)), 0)
    })

    bucketTest('an aborted call throws INTERRUPTED', async (bucket, prefix) => {
      await bucket.put(`${prefix}a`, Buffer.from('a'))
      const object = await headOf(bucket, `${prefix}a`)
      const options = { signal: AbortSignal.abort() }
      await rejects(bucket.head(`${prefix}a`, options), 'INTERRUPTED')
      await rejects(bucket.put(`${prefix}b`, Buffer.from('b'), options), 'INTERRUPTED')
      await rejects(listOf(bucket, prefix, options), 'INTERRUPTED')
      await rejects(readAll(bucket.open(object).open(undefined, options.signal), LIMIT), 'INTERRUPTED')
      const upload = { ...options, digest: digestOf('c'), item: 'c' }
      await rejects(bucket.upload(`${prefix}c`, bytesContent(Buffer.from('c')), upload), 'INTERRUPTED')
      assert.deepEqual(await keysIn(bucket, prefix), [`${prefix}a`])
    })

    bucketTest('a call that is aborted under way ends', async (bucket, prefix) => {
      const data = Buffer.alloc(40 * 1024 * 1024, 'w')
      const stop = new AbortController()
      const upload = bucket.upload(`${prefix}a`, bytesContent(data), {
        digest: digestOf(data),
        item: 'a',
        signal: stop.signal,
        onProgress: ({ kind }) => kind === 'bytes' && stop.abort(),
      })
      await rejects(upload, 'INTERRUPTED')
      assert.equal(await bucket.head(`${prefix}a`), undefined)
    })

    if (conditional) {
      bucketTest('of many who write what must be new, one is told that it did', async (bucket, prefix) => {
        for (let round = 0; round < 5; round++) {
          const key = `${prefix}${round}`
          const writers = [...Array(8).keys()].map((n) => Buffer.from(`writer ${n}`))
          const won = await Promise.all(writers.map((bytes) => bucket.put(key, bytes, { onlyNew: true })))
          const [winner, ...others] = writers.filter((_, n) => won[n])
          assert.deepEqual(others, [])
          assert.deepEqual(await bucket.get(key, { limit: LIMIT }), winner)
        }
      })
    } else {
      bucketTest('what must be new is refused where the server has no conditions', async (bucket, prefix) => {
        await rejects(bucket.put(`${prefix}a`, Buffer.from('a'), { onlyNew: true }), 'REFUSED')
      })
    }

    test('a bucket that is not there is said not to be there', async () => {
      const bucket = await open('ballast-no-such-bucket')
      await rejects(bucket.head('a'), 'NOT_FOUND')
      await rejects(bucket.get('a', { limit: LIMIT }), 'NOT_FOUND')
      await rejects(listOf(bucket, 'a'), 'NOT_FOUND')
      await rejects(bucket.put('a', Buffer.from('a')), 'NOT_FOUND')
      const data = Buffer.alloc(20 * 1024 * 1024)
      await rejects(
        bucket.upload('a', bytesContent(data), { digest: digestOf(data), item: 'a' }),
        'NOT_FOUND',
      )
    })
  })
}

/** In pieces that end where no part does. */
function inPieces(data: Buffer): Content {
  return {
    size: data.length,
    async *open() {
      for (let at = 0; at < data.length; at += 1_000_003) yield data.subarray(at, at + 1_000_003)
    },
  }
}

async function headOf(bucket: Bucket, key: string): Promise<BucketObject> {
  const object = await bucket.head(key)
  assert.ok(object, `${key} is not there`)
  return object
}

async function listOf(bucket: Bucket, prefix: string, options = {}): Promise<readonly BucketObject[]> {
  const objects: BucketObject[] = []
  for await (const object of bucket.list(prefix, options)) objects.push(object)
  return objects
}

async function keysIn(bucket: Bucket, prefix: string): Promise<readonly string[]> {
  return (await listOf(bucket, prefix)).map(({ key }) => key)
}
