import assert from 'node:assert/strict'
import { readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import {
  type ArchiveEntry,
  encodeArchive,
  savedImages,
  writeArchive,
} from '../../test/fixtures/image-archive.ts'
import { type BaseEntry, encodeLayer } from '../../test/fixtures/image-layout.ts'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { type Digest, digestOf, hexOf, isBallastError, readAll, verified } from '../core/index.ts'
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, REF_NAME } from '../model/index.ts'
import { CONTAINERD_NAME } from './archive-images.ts'
import { openArchive } from './archive-repository.ts'
import { configOf, decodeImage } from './image-config.ts'
import type { ImageRepository } from './image-repository.ts'

const BASE: readonly BaseEntry[] = [{ path: 'app/' }, { path: 'app/main.py', text: 'print(1)\n' }]
const MORE: readonly BaseEntry[] = [{ path: 'bin/' }]
const LIMIT = 1024 * 1024

test('docker save, old style: the manifest is made, and layers that are one share a file', async (t) => {
  const entries = savedImages([{ tags: ['app:v1', 'app:latest'], layers: [BASE, MORE, BASE] }])
  const archive = await opened(t, entries)
  const image = await readImage(archive, 'app:v1')
  const [base, more] = [encodeLayer(BASE), encodeLayer(MORE)]
  assert.deepEqual(
    image.layers.map(({ mediaType, digest, size }) => [mediaType, digest, size]),
    [base, more, base].map((tar) => [OCI_LAYER, digestOf(tar), tar.length]),
  )
  for (const [at, tar] of [base, more, base].entries()) {
    assert.deepEqual(await blobOf(archive, image.layers[at] as Blob), tar)
  }
  assert.deepEqual(await archive.listTags(), ['app:latest', 'app:v1'])
  assert.equal(archive.imageName('v1'), 'app:v1')
})

test('layers that are compressed in the archive are described as they are', async (t) => {
  const archive = await opened(t, savedImages([{ tags: ['app:v1'], layers: [BASE], compressed: true }]))
  const [layer] = (await readImage(archive, '')).layers
  const data = gzipSync(encodeLayer(BASE))
  assert.deepEqual(
    [layer?.mediaType, layer?.digest, layer?.size],
    [`${OCI_LAYER}+gzip`, digestOf(data), data.length],
  )
  assert.deepEqual(await blobOf(archive, layer as Blob), data)
})

test('a manifest that was made is the same each time, and is found by its digest', async (t) => {
  const entries = savedImages([{ tags: ['app:v1'], layers: [BASE, MORE] }])
  const [first, second] = [await opened(t, entries), await opened(t, [...entries].reverse())]
  const manifest = await first.getManifest('')
  assert.ok(manifest)
  assert.deepEqual(await second.getManifest(manifest.digest), manifest)
  assert.equal(await second.getManifest(digestOf('nothing')), undefined)
})

test('a layout inside: index.json counts, names are those of containerd and of skopeo', async (t) => {
  const image = layoutImage([BASE])
  const both = { [CONTAINERD_NAME]: 'docker.io/library/app:v1', [REF_NAME]: 'v1' }
  const entries = layout([
    { ...image.descriptor, annotations: both },
    { ...image.descriptor, annotations: { [REF_NAME]: 'localhost:5000/app:v2' } },
  ])
  const archive = await opened(t, [...image.entries, ...entries, { path: 'manifest.json', data: 'not read' }])
  assert.deepEqual(await archive.listTags(), ['app:v1', 'localhost:5000/app:v2'])
  for (const reference of ['', 'v1', 'app:v1', 'v2', 'localhost:5000/app:v2', image.descriptor.digest]) {
    assert.equal((await archive.getManifest(reference))?.digest, image.descriptor.digest, reference)
  }
  assert.equal(await archive.hasBlob(image.descriptor), true)
  assert.equal(await archive.hasBlob({ ...image.descriptor, size: 1 }), false)
})

test('several images: one has to be named', async (t) => {
  const archive = await opened(
    t,
    savedImages([
      { tags: ['app:latest'], layers: [BASE] },
      { tags: ['db:latest'], layers: [MORE] },
    ]),
  )
  const lists = (error: unknown): boolean =>
    isBallastError(error, 'REFUSED') && /app:latest, db:latest/.test(error.hint ?? '')
  for (const reference of ['', 'latest']) await assert.rejects(archive.getManifest(reference), lists)
  assert.throws(() => archive.imageName('latest'), lists)
  assert.throws(
    () => archive.imageName('web:latest'),
    (error) => isBallastError(error, 'NOT_FOUND') && /app:latest, db:latest/.test(error.hint ?? ''),
  )
  const [layer] = (await readImage(archive, 'db:latest')).layers
  assert.equal(layer?.digest, digestOf(encodeLayer(MORE)))
})

test('an index of which one platform was saved stands for that one', async (t) => {
  const image = layoutImage([BASE])
  const absent = { mediaType: OCI_MANIFEST, digest: digestOf('arm64'), size: 100 }
  const platform = (architecture: string) => ({ os: 'linux', architecture })
  const manifests = [
    { ...absent, platform: platform('arm64') },
    { ...image.descriptor, platform: platform('amd64') },
  ]
  const data = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests })
  const index = { mediaType: OCI_INDEX, digest: digestOf(data), size: data.length }
  const entries = [...image.entries, { path: blobPath(index.digest), data }, ...layout([index])]
  const archive = await opened(t, entries)
  assert.equal((await archive.getManifest(''))?.digest, image.descriptor.digest)
  assert.equal((await archive.getManifest(index.digest))?.mediaType, OCI_INDEX)
})

test('nothing is unpacked, and nothing is written', async (t) => {
  const directory = await temporaryDirectory(t)
  const path = await writeArchive(join(directory, 'app.tar'), savedImages([{ layers: [BASE] }]))
  const archive = await openArchive(path)
  const image = await readImage(archive, '')
  await blobOf(archive, image.layers[0] as Blob)
  const refused = (error: unknown): boolean => isBallastError(error, 'REFUSED')
  const manifest = await archive.getManifest('')
  assert.ok(manifest)
  await assert.rejects(archive.putManifest(manifest, 'v1'), refused)
  assert.deepEqual(await readdir(directory), ['app.tar'])
})

test('an archive that is replaced while it is read is noticed', async (t) => {
  const path = join(await temporaryDirectory(t), 'app.tar')
  await writeArchive(path, savedImages([{ layers: [BASE] }]))
  const archive = await openArchive(path)
  const image = await readImage(archive, '')
  await writeArchive(path, savedImages([{ layers: [BASE] }]))
  await utimes(path, 1, 1)
  await assert.rejects(blobOf(archive, image.layers[0] as Blob), (error) => isBallastError(error, 'CONFLICT'))
})

test('names written as ./name are names', async (t) => {
  const entries = savedImages([{ tags: ['app:v1'], layers: [BASE, BASE] }])
  const archive = await opened(
    t,
    entries.map((entry) => ({ ...entry, path: `./${entry.path}` })),
  )
  assert.equal((await readImage(archive, 'v1')).layers.length, 2)
})

test('what is no archive of images is refused with what to do', async (t) => {
  const directory = await temporaryDirectory(t)
  const file = join(directory, 'file')
  const refused: readonly (readonly [Buffer, RegExp])[] = [
    [gzipSync(encodeArchive(savedImages([{ layers: [BASE] }]))), /gunzip/],
    [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0]), /unzstd/],
    [encodeLayer(BASE), /docker save/],
    [Buffer.alloc(0), /docker save/],
  ]
  for (const [data, hint] of refused) {
    await writeFile(file, data)
    await assert.rejects(
      openArchive(file),
      (error) => isBallastError(error, 'REFUSED') && hint.test(error.hint ?? ''),
    )
  }
  await writeFile(file, 'these are words, and no tar at all')
  await assert.rejects(openArchive(file), (error) => isBallastError(error, 'DAMAGED'))
  await assert.rejects(openArchive(join(directory, 'no')), (error) => isBallastError(error, 'NOT_FOUND'))
  await assert.rejects(
    openArchive(directory),
    (error) => isBallastError(error, 'REFUSED') && /oci:/.test(error.hint ?? ''),
  )
})

interface Blob {
  readonly digest: Digest
  readonly size: number
}

async function opened(t: TestContext, entries: readonly ArchiveEntry[]) {
  return openArchive(await writeArchive(join(await temporaryDirectory(t), 'app.tar'), entries))
}

async function readImage(archive: ImageRepository, reference: string) {
  const manifest = await archive.getManifest(reference)
  assert.ok(manifest)
  assert.equal(digestOf(manifest.bytes), manifest.digest)
  const config = configOf(manifest)
  return decodeImage(manifest, await blobOf(archive, config))
}

function blobOf(archive: ImageRepository, blob: Blob): Promise<Buffer> {
  return readAll(verified(archive.openBlob(blob).open(), blob), LIMIT)
}

function blobPath(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`
}

function layout(manifests: readonly unknown[]): readonly ArchiveEntry[] {
  return [
    { path: 'oci-layout', data: '{"imageLayoutVersion":"1.0.0"}' },
    { path: 'index.json', data: JSON.stringify({ schemaVersion: 2, manifests }) },
  ]
}

function layoutImage(layers: readonly (readonly BaseEntry[])[]) {
  const entries: ArchiveEntry[] = []
  const put = (mediaType: string, data: Buffer) => {
    const digest = digestOf(data)
    entries.push({ path: blobPath(digest), data })
    return { mediaType, digest, size: data.length }
  }
  const tars = layers.map(encodeLayer)
  const rootfs = { type: 'layers', diff_ids: tars.map(digestOf) }
  const config = put(OCI_CONFIG, Buffer.from(JSON.stringify({ os: 'linux', architecture: 'amd64', rootfs })))
  const descriptors = tars.map((tar) => put(OCI_LAYER, tar))
  const manifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: descriptors }
  const descriptor = put(OCI_MANIFEST, Buffer.from(JSON.stringify(manifest)))
  return { descriptor, entries }
}
