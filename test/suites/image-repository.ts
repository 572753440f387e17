import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import {
  BallastError,
  bytesContent,
  type Content,
  type Digest,
  digestOf,
  isBallastError,
  readAll,
} from '../../src/core/index.ts'
import { OCI_CONFIG, OCI_LAYER, OCI_MANIFEST } from '../../src/model/index.ts'
import type { BlobDescriptor, ImageRepository, StoredManifest } from '../../src/oci/index.ts'
import { rejects } from '../fixtures/rejects.ts'

/** Makes an empty repository, and cleans up through `context.after`. Called once or more a test. */
export type RepositoryFactory = (context: TestContext) => Promise<ImageRepository>

const LIMIT = 16 * 1024 * 1024
const MISSING = { digest: digestOf('nowhere'), size: 7 }

/** What every ImageRepository promises. Call it at the top of a test file. */
export function imageRepositorySuite(name: string, factory: RepositoryFactory): void {
  const repositoryTest = (
    title: string,
    body: (repository: ImageRepository, context: TestContext) => Promise<void>,
  ) => test(title, async (context) => body(await factory(context), context))

  describe(`${name} is an image repository`, () => {
    repositoryTest('a blob that is put is there, whole and in ranges', async (repository) => {
      for (const data of [Buffer.from('hello, blob'), Buffer.alloc(0), Buffer.alloc(3_000_001, 'abcdefg')]) {
        const blob = blobOf(data)
        assert.equal(await repository.hasBlob(blob), false)
        await repository.putBlob(blob, bytesContent(data))
        assert.equal(await repository.hasBlob(blob), true)
        const content = repository.openBlob(blob)
        assert.equal(content.size, data.length)
        for (const range of rangesOf(data.length)) {
          const part = await readAll(content.open(range), LIMIT)
          assert.ok(
            part.equals(data.subarray(range.offset, range.offset + range.length)),
            JSON.stringify(range),
          )
        }
        assert.ok((await readAll(content.open(), LIMIT)).equals(data))
        assert.ok((await readAll(content.open(), LIMIT)).equals(data), 'content can be opened again')
      }
    })

    repositoryTest('putting what exists is success', async (repository) => {
      const data = Buffer.from('twice')
      await repository.putBlob(blobOf(data), bytesContent(data))
      await repository.putBlob(blobOf(data), bytesContent(data))
      await Promise.all([1, 2, 3].map(() => repository.putBlob(blobOf(data), bytesContent(data))))
      assert.deepEqual(await readAll(repository.openBlob(blobOf(data)).open(), LIMIT), data)
    })

    repositoryTest('the same blob put several times at once is whole', async (repository) => {
      const data = Buffer.alloc(500_000, 'together')
      await Promise.all([1, 2, 3, 4].map(() => repository.putBlob(blobOf(data), bytesContent(data))))
      assert.ok((await readAll(repository.openBlob(blobOf(data)).open(), LIMIT)).equals(data))
    })

    repositoryTest('bytes that are not the blob are refused and never visible', async (repository) => {
      const blob = blobOf(Buffer.from('expected'))
      for (const wrong of ['expectee', 'expect', 'expected and more', '']) {
        const content = { size: blob.size, open: bytesContent(Buffer.from(wrong)).open }
        await rejects(repository.putBlob(blob, content), 'DAMAGED', 'REMOTE')
        assert.equal(await repository.hasBlob(blob), false, wrong)
      }
      await repository.putBlob(blob, bytesContent(Buffer.from('expected')))
      assert.equal(await repository.hasBlob(blob), true)
    })

    repositoryTest('content that fails leaves nothing, and can be put again', async (repository) => {
      const data = Buffer.alloc(200_000, 'z')
      let openings = 0
      const content: Content = {
        size: data.length,
        async *open(range) {
          const all = range === undefined ? data : data.subarray(range.offset, range.offset + range.length)
          yield all.subarray(0, all.length / 2)
          if (++openings === 1) throw new BallastError('DISK', 'the disk reports an input/output error')
          yield all.subarray(all.length / 2)
        },
      }
      await repository.putBlob(blobOf(data), content).catch((error) => {
        assert.ok(isBallastError(error), 'a failure of the content is passed on')
      })
      await repository.putBlob(blobOf(data), content)
      assert.ok((await readAll(repository.openBlob(blobOf(data)).open(), LIMIT)).equals(data))
    })

    repositoryTest('what is missing is said to be missing', async (repository) => {
      assert.equal(await repository.hasBlob(MISSING), false)
      assert.equal(await repository.getManifest('nothing'), undefined)
      assert.equal(await repository.getManifest(MISSING.digest), undefined)
      assert.deepEqual(await repository.listTags(), [])
      await rejects(readAll(repository.openBlob(MISSING).open(), LIMIT), 'NOT_FOUND')
      await rejects(readAll(repository.openBlob(MISSING).open({ offset: 1, length: 2 }), LIMIT), 'NOT_FOUND')
    })

    repositoryTest('a manifest is found by tag and by digest, byte for byte', async (repository) => {
      const manifest = await putImage(repository, 'one')
      await repository.putManifest(manifest, 'v1')
      for (const reference of ['v1', manifest.digest]) {
        assert.deepEqual(plain(await repository.getManifest(reference)), plain(manifest))
      }
    })

    repositoryTest('a manifest without a tag is found by its digest', async (repository) => {
      const manifest = await putImage(repository, 'untagged')
      await repository.putManifest(manifest)
      assert.deepEqual(plain(await repository.getManifest(manifest.digest)), plain(manifest))
      assert.deepEqual(await repository.listTags(), [])
    })

    repositoryTest('a tag moves, and the former manifest stays under its digest', async (repository) => {
      const [first, second] = [await putImage(repository, 'first'), await putImage(repository, 'second')]
      await repository.putManifest(first, 'latest')
      await repository.putManifest(second, 'latest')
      await repository.putManifest(second, 'latest')
      assert.equal((await repository.getManifest('latest'))?.digest, second.digest)
      assert.equal((await repository.getManifest(first.digest))?.digest, first.digest)
      assert.deepEqual(await repository.listTags(), ['latest'])
    })

    repositoryTest('tags are listed by code units', async (repository) => {
      const manifest = await putImage(repository, 'many')
      for (const tag of ['b', 'a10', 'B', 'a2', '_x']) await repository.putManifest(manifest, tag)
      assert.deepEqual(await repository.listTags(), ['B', '_x', 'a10', 'a2', 'b'])
    })

    repositoryTest(
      'a tag that is removed goes alone, where tags can be removed',
      async (repository, context) => {
        const manifest = await putImage(repository, 'removed')
        for (const tag of ['stays', 'goes']) await repository.putManifest(manifest, tag)
        if (repository.deleteTag === undefined) return context.skip('it removes no tags')
        try {
          assert.equal(await repository.deleteTag('goes'), true)
        } catch (error) {
          // It turns out at the call.
          assert.ok(isBallastError(error, 'REMOTE'), `${error}`)
          return
        }
        assert.equal(await repository.deleteTag('goes'), false)
        assert.equal(await repository.getManifest('goes'), undefined)
        assert.deepEqual(await repository.listTags(), ['stays'])
        assert.equal((await repository.getManifest('stays'))?.digest, manifest.digest)
      },
    )

    repositoryTest('a manifest that is not its digest is refused', async (repository) => {
      const manifest = { ...(await putImage(repository, 'x')), digest: digestOf('y') }
      await rejects(repository.putManifest(manifest, 'wrong'), 'DAMAGED', 'REMOTE')
      assert.equal(await repository.getManifest('wrong'), undefined)
      assert.equal(await repository.getManifest(manifest.digest), undefined)
    })

    repositoryTest('an aborted call throws INTERRUPTED and leaves nothing', async (repository) => {
      const manifest = await putImage(repository, 'abort')
      const options = { signal: AbortSignal.abort() }
      const data = Buffer.from('aborted')
      await rejects(repository.putBlob(blobOf(data), bytesContent(data), options), 'INTERRUPTED')
      await rejects(repository.putManifest(manifest, 'aborted', options), 'INTERRUPTED')
      await rejects(repository.getManifest('aborted', options), 'INTERRUPTED')
      await rejects(repository.hasBlob(blobOf(data), options), 'INTERRUPTED')
      await rejects(repository.listTags(options), 'INTERRUPTED')
      await rejects(readAll(repository.openBlob(MISSING, options).open(), LIMIT), 'INTERRUPTED')
      assert.equal(await repository.hasBlob(blobOf(data)), false)
      assert.equal(await repository.getManifest('aborted'), undefined)
    })

    repositoryTest('a put aborted half-way leaves nothing', async (repository) => {
      const data = Buffer.alloc(4_000_000, 'q')
      const controller = new AbortController()
      const content: Content = {
        size: data.length,
        async *open() {
          yield data.subarray(0, 2_000_000)
          controller.abort()
          yield data.subarray(2_000_000)
        },
      }
      await rejects(repository.putBlob(blobOf(data), content, { signal: controller.signal }), 'INTERRUPTED')
      assert.equal(await repository.hasBlob(blobOf(data)), false)
    })

    repositoryTest('a blob that was begun is there once it is finished, not before', async (repository) => {
      const data = Buffer.alloc(3_000_001, 'begun')
      const upload = repository.beginBlob?.(bytesContent(data))
      if (upload === undefined) return
      assert.equal(await upload.sent, true)
      assert.equal(await repository.hasBlob(blobOf(data)), false)
      assert.equal(await upload.finish(blobOf(data)), true)
      await upload.cancel()
      assert.ok((await readAll(repository.openBlob(blobOf(data)).open(), LIMIT)).equals(data))
      const again = repository.beginBlob?.(bytesContent(data))
      assert.equal(await again?.finish(blobOf(data)), true, 'what exists is success')
    })

    repositoryTest('a blob that was begun and is not finished leaves nothing', async (repository) => {
      const data = Buffer.alloc(3_000_001, 'begun')
      const blob = blobOf(data)
      const upload = repository.beginBlob?.(bytesContent(data))
      if (upload === undefined) return
      await upload.cancel()
      assert.equal(await upload.finish(blob), false)
      const other = blobOf(Buffer.alloc(3_000_001, 'other'))
      assert.equal(await repository.beginBlob?.(bytesContent(data)).finish(other), false)
      const controller = new AbortController()
      const content: Content = {
        size: data.length,
        async *open() {
          yield data.subarray(0, 2_000_000)
          controller.abort()
          yield data.subarray(2_000_000)
        },
      }
      const aborted = repository.beginBlob?.(content, { signal: controller.signal })
      await rejects(aborted?.finish(blob) ?? Promise.resolve(), 'INTERRUPTED')
      assert.equal(await aborted?.sent, false)
      for (const absent of [blob, other]) assert.equal(await repository.hasBlob(absent), false)
      await repository.putBlob(blob, bytesContent(data))
      assert.equal(await repository.hasBlob(blob), true)
    })

    repositoryTest('mounting moves a blob whole or says that it cannot', async (repository, context) => {
      const other = await factory(context)
      const data = Buffer.from('mounted')
      await other.putBlob(blobOf(data), bytesContent(data))
      const mounted = await repository.mountBlob(blobOf(data), other)
      assert.equal(typeof mounted, 'boolean')
      assert.equal(await repository.hasBlob(blobOf(data)), mounted)
      if (mounted) assert.deepEqual(await readAll(repository.openBlob(blobOf(data)).open(), LIMIT), data)
      assert.equal(await repository.mountBlob(MISSING, other), false)
      assert.equal(await repository.hasBlob(MISSING), false)
      await repository.putBlob(blobOf(data), bytesContent(data))
      assert.equal(await repository.hasBlob(blobOf(data)), true)
    })
  })
}

/** Puts the blobs of a small image; its manifest is left to the caller. */
async function putImage(repository: ImageRepository, text: string): Promise<StoredManifest> {
  const config = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', comment: text }))
  const layer = Buffer.from(`layer of ${text}`)
  for (const data of [config, layer]) await repository.putBlob(blobOf(data), bytesContent(data))
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { mediaType: OCI_CONFIG, ...blobOf(config) },
      layers: [{ mediaType: OCI_LAYER, ...blobOf(layer) }],
    }),
  )
  return { mediaType: OCI_MANIFEST, digest: digestOf(bytes), bytes }
}

function plain(manifest: StoredManifest | undefined): { mediaType?: string; digest?: Digest; text?: string } {
  if (manifest === undefined) return {}
  return { mediaType: manifest.mediaType, digest: manifest.digest, text: manifest.bytes.toString() }
}

function blobOf(data: Uint8Array): BlobDescriptor {
  return { digest: digestOf(data), size: data.length }
}

function rangesOf(size: number): readonly { offset: number; length: number }[] {
  if (size === 0) return [{ offset: 0, length: 0 }]
  return [
    { offset: 0, length: 1 },
    { offset: size - 1, length: 1 },
    { offset: Math.floor(size / 3), length: Math.ceil(size / 3) },
    { offset: 0, length: size },
  ]
}
