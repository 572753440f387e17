import assert from 'node:assert/strict'
import { after, describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Bucket, openBucket } from '../../src/buckets/index.ts'
import { bytesContent, type Digest, digestOf } from '../../src/core/index.ts'
import { encodeVersion, OCI_INDEX, OCI_MANIFEST, parseName, parseTag } from '../../src/model/index.ts'
import type { StoredManifest } from '../../src/oci/index.ts'
import {
  type BucketRepository,
  collectRemote,
  listModels,
  openBucketRepository,
} from '../../src/remotes/index.ts'
import { BUCKET, type BucketServer, isMissing, type Missing } from '../fixtures/buckets/server.ts'
import { rejects } from '../fixtures/rejects.ts'

export interface BucketRemoteCase {
  readonly server: BucketServer | Missing
  /** Of two writers together, on one tag; `BALLAST_MOVES` in the environment asks for more. */
  readonly moves: number
  /** For servers without conditional writes. */
  readonly lock?: boolean
}

const PROD = parseTag('prod')
let roots = 0

/** What a remote in a bucket promises on each server. Call it at the top of a test file. */
export function bucketRemoteSuite(name: string, { server, lock = false, ...usual }: BucketRemoteCase): void {
  const moves = Number(process.env.BALLAST_MOVES ?? usual.moves)
  const skip = isMissing(server) ? server.missing : undefined
  if (!isMissing(server)) after(() => server.close())
  const connect = (): Promise<Bucket> => {
    if (isMissing(server)) throw new Error(server.missing)
    return openBucket({ scheme: server.scheme, bucket: BUCKET }, server.access)
  }
  const newRoot = (): string => `remote-${process.pid}-${++roots}`

  async function connected(t: TestContext, root: string, model = 'sentiment'): Promise<BucketRepository> {
    const repository = openBucketRepository(await connect(), { root, name: parseName(model), lock })
    t.after(() => repository.close())
    return repository
  }

  describe(`a remote on ${name}`, { skip }, () => {
    test(`two writers who move one tag ${moves} times lose no move`, async (t) => {
      const root = newRoot()
      const writers = [await connected(t, root), await connected(t, root)]
      const done = await Promise.all(
        writers.map(async ({ records, writer }, who) => {
          const own: Digest[] = []
          const with_ = await writer()
          for (let n = 0; n < moves / 2; n++) {
            const digest = digestOf(`${who} ${n}`)
            await records.moveTag(with_, { tag: PROD, digest, kind: 'model', by: `writer ${who}` })
            own.push(digest)
          }
          return own
        }),
      )
      const history = await (await connected(t, root)).records.history(PROD)
      assert.deepEqual(
        history.map(({ sequence }) => sequence),
        [...Array(moves).keys()].map((n) => n + 1),
      )
      for (const [who, own] of done.entries()) {
        const found = history.filter(({ record }) => record.by === `writer ${who}`)
        assert.deepEqual(
          found.map(({ record }) => record.digest),
          own,
        )
      }
    })

    test('without a lock, a server without conditional writes is refused before anything is written', {
      skip: !lock,
    }, async () => {
      const root = newRoot()
      const repository = openBucketRepository(await connect(), { root, name: parseName('sentiment') })
      await rejects(pushVersion(repository, 'first', 1), 'REFUSED')
      for await (const { key } of (await connect()).list(root)) assert.fail(key)
    })

    // The rest is the same whoever gives the numbers.
    if (lock) return

    test('versions keep their numbers, tags their history, and a rollback returns to the former version', async (t) => {
      const root = newRoot()
      const repository = await connected(t, root)
      const [first, second] = [
        await pushVersion(repository, 'first', 1),
        await pushVersion(repository, 'second', 2),
      ]
      await repository.putManifest(first, 'prod')
      await repository.putManifest(second, 'prod')
      await repository.putManifest(second, 'prod')
      const other = await connected(t, root)
      assert.deepEqual(await other.listTags(), ['1', '2', 'prod'])
      assert.equal((await other.getManifest('prod'))?.digest, second.digest)
      assert.equal((await other.getManifest('1'))?.digest, first.digest)
      await other.records.rollbackTag(await other.writer(), PROD)
      assert.equal(await repository.headManifest?.('prod'), first.digest)
      const history = await repository.records.history(PROD)
      assert.deepEqual(
        history.map(({ sequence, record: { digest, by } }) => [sequence, digest, by]),
        [
          [1, first.digest, 'push'],
          [2, second.digest, 'push'],
          [3, first.digest, 'rollback'],
        ],
      )
      assert.deepEqual(await listModels(await connect(), root), ['sentiment'])
    })

    test('a number is that of one version for ever, removed or not', async (t) => {
      const repository = await connected(t, newRoot())
      const [first, second] = [
        await pushVersion(repository, 'first', 1),
        await pushVersion(repository, 'second'),
      ]
      await repository.putManifest(first, '1')
      await rejects(repository.putManifest(second, '1'), 'CONFLICT')
      await rejects(repository.putManifest(first, '2'), 'CONFLICT')
      await rejects(repository.putManifest(anImage(), '1'), 'CONFLICT')
      assert.equal((await repository.getManifest('1'))?.digest, first.digest)
      await repository.records.removeVersion(await repository.writer(), 1)
      assert.equal(await repository.getManifest('1'), undefined)
      await rejects(repository.putManifest(second, '1'), 'CONFLICT')
    })

    test('gc removes what nothing leads to, once the grace time is over, and nothing else', async (t) => {
      const root = newRoot()
      const repository = await connected(t, root)
      const [kept, given] = [
        await pushVersion(repository, 'kept', 1),
        await pushVersion(repository, 'given up', 2),
      ]
      const attached = await attach(repository, kept.digest)
      await repository.records.removeVersion(await repository.writer(), 2)
      const bucket = await connect()
      await rejects(collectRemote(bucket, { root, graceMs: 0, waitMs: 0 }), 'LOCKED')
      await repository.close()
      assert.deepEqual((await collectRemote(bucket, { root })).removed, [], 'within the grace time')
      // Times have whole seconds.
      await sleep(1_500)
      const planned = await collectRemote(bucket, { root, graceMs: 0, dryRun: true })
      const { removed } = await collectRemote(bucket, { root, graceMs: 0 })
      assert.deepEqual([...planned.removed].sort(byDigest), [...removed].sort(byDigest))
      assert.ok(removed.some(({ digest }) => digest === given.digest))
      const reader = await connected(t, root)
      assert.equal(await reader.getManifest(given.digest), undefined)
      for (const { digest, size } of await blobsOf(reader, kept))
        assert.ok(await reader.hasBlob({ digest, size }))
      assert.deepEqual(
        (await reader.referrers?.list(kept.digest))?.map(({ digest }) => digest),
        [attached],
      )
    })

    test('a push that begins while gc is at work waits for it', async (t) => {
      const root = newRoot()
      await (await connected(t, root)).close()
      const first = await connected(t, root)
      await pushVersion(first, 'first', 1)
      await first.close()
      const bucket = await connect()
      const slow: Bucket = {
        ...bucket,
        async *list(prefix, options) {
          // After it has read the leases and the tags, before it removes what it found.
          if (prefix.endsWith('blobs/sha256/')) await sleep(1_500)
          yield* bucket.list(prefix, options)
        },
      }
      const collecting = collectRemote(slow, { root, graceMs: 0 })
      await sleep(700)
      const interrupted = await connected(t, root)
      const waiting = interrupted.putManifest(anImage(), 'app', { signal: AbortSignal.timeout(300) })
      const ended = await Promise.race([rejects(waiting, 'INTERRUPTED'), collecting])
      assert.equal(ended, undefined, 'whoever waits can be interrupted')
      const second = await connected(t, root)
      const pushed = await pushVersion(second, 'second', 2)
      await collecting
      for (const blob of await blobsOf(second, pushed)) assert.ok(await second.hasBlob(blob), blob.digest)
    })

    test('a remote of a former format is upgraded before the first write; each record names the former one', async (t) => {
      const root = newRoot()
      const bucket = await connect()
      const first = await connected(t, root)
      const { digest } = await pushVersion(first, 'first', 1)
      const move = { tag: PROD, kind: 'model', by: 'test' } as const
      await first.records.moveTag(await first.writer(), { ...move, digest })
      await first.close()
      const format = `${root}/ballast/format`
      await bucket.put(format, Buffer.from('1\n'))
      const second = await connected(t, root)
      assert.equal(await second.records.resolve('prod'), digest)
      assert.equal(`${await bucket.get(format, { limit: 10 })}`, '1\n')
      await second.records.moveTag(await second.writer(), { ...move, digest: digestOf('x') })
      assert.equal(`${await bucket.get(format, { limit: 10 })}`, '2\n')
      const [former, latest] = await Promise.all(
        [1, 2].map((n) =>
          bucket.get(`${root}/ballast/repositories/sentiment/tags/prod/000000000${n}.json`, { limit: 1000 }),
        ),
      )
      assert.equal(JSON.parse(`${latest}`).previous, digestOf(former ?? ''))
    })

    test('a remote that a later Ballast wrote is refused', async (t) => {
      const root = newRoot()
      const bucket = await connect()
      await bucket.put(`${root}/ballast/format`, Buffer.from('3\n'))
      const repository = await connected(t, root)
      await rejects(pushVersion(repository, 'first', 1), 'REFUSED')
      await rejects(repository.listTags(), 'REFUSED')
      assert.equal(`${await bucket.get(`${root}/ballast/format`, { limit: 10 })}`, '3\n')
    })
  })
}

/** The blobs of a version of one file, its manifest, and its number where one is given. */
async function pushVersion(
  repository: BucketRepository,
  text: string,
  number?: number,
): Promise<StoredManifest> {
  const data = Buffer.from(text)
  const file = { path: 'weights.bin', digest: digestOf(data), size: data.length }
  const { manifest: bytes, config, configDigest, version } = encodeVersion([file])
  await repository.putBlob(file, bytesContent(data))
  await repository.putBlob({ digest: configDigest, size: config.length }, bytesContent(config))
  const manifest = { mediaType: OCI_MANIFEST, digest: version.digest, bytes }
  await repository.putManifest(manifest, number === undefined ? undefined : `${number}`)
  return manifest
}

function anImage(): StoredManifest {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] }))
  return { mediaType: OCI_INDEX, digest: digestOf(bytes), bytes }
}

async function attach(repository: BucketRepository, subject: Digest): Promise<Digest> {
  const config = Buffer.from('{}')
  const blob = { digest: digestOf(config), size: config.length }
  await repository.putBlob(blob, bytesContent(config))
  const descriptor = { mediaType: 'application/vnd.oci.empty.v1+json', ...blob }
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: descriptor,
      layers: [descriptor],
      subject: { mediaType: OCI_MANIFEST, digest: subject, size: 1 },
    }),
  )
  await repository.referrers?.put({ mediaType: OCI_MANIFEST, digest: digestOf(bytes), bytes })
  return digestOf(bytes)
}

async function blobsOf(
  repository: BucketRepository,
  { digest }: StoredManifest,
): Promise<readonly { digest: Digest; size: number }[]> {
  const manifest = await repository.getManifest(digest)
  assert.ok(manifest)
  const { config, layers } = JSON.parse(`${manifest.bytes}`)
  return [config, ...layers, { digest, size: manifest.bytes.length }]
}

function byDigest(a: { readonly digest: Digest }, b: { readonly digest: Digest }): number {
  return a.digest < b.digest ? -1 : 1
}
