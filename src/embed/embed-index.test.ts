import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { BASE, createWorld } from '../../test/fixtures/embed-world.ts'
import { putIndex, SOURCE } from '../../test/fixtures/image-index.ts'
import { addVersion } from '../../test/fixtures/store.ts'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { digestOf, isBallastError } from '../core/index.ts'
import { type Json, OCI_INDEX, parseJson } from '../model/index.ts'
import { createArchive, type ImageRepository, readLabel } from '../oci/index.ts'
import { readImage } from './base-image.ts'
import { previousImage } from './former-images.ts'

async function indexAt(layout: ImageRepository, tag: string): Promise<Json> {
  const index = await layout.getManifest(tag)
  assert.equal(index?.mediaType, OCI_INDEX)
  return parseJson(index?.bytes ?? Buffer.of()) ?? {}
}

test('every platform of an index gets the same layers; the index keeps what else it says, without attestations of former images', async (t) => {
  const { store, layout, embedAs } = await createWorld(t)
  await addVersion(store, 'm', { f: 'x' })
  await putIndex(t, layout, { tag: 'multi', layers: [BASE] })
  const first = await embedAs('m', { base: 'multi', tag: 'v1', path: '/app/models' })
  assert.deepEqual(first.platforms, ['linux/amd64', 'linux/arm64'])
  assert.match(first.warnings.join(), /2 attestations of the base left out/)
  const { manifests, annotations } = await indexAt(layout, 'v1')
  assert.deepEqual(annotations, SOURCE)
  assert.deepEqual(
    (manifests as readonly Json[]).map(({ platform }) => platform),
    [
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm64', variant: 'v8' },
    ],
  )
  const models = []
  for (const platform of first.platforms) {
    const { config } = await readImage(layout, { reference: 'v1', platform })
    assert.equal(config.architecture, platform.split('/')[1])
    models.push(readLabel(config))
  }
  assert.deepEqual(models[0], models[1])

  await addVersion(store, 'm', { f: 'y' })
  const second = await embedAs('m', { base: 'v1', tag: 'v1' })
  assert.equal(second.former, 'v1.was-1')
  assert.equal((await previousImage(layout, 'v1')).mediaType, OCI_INDEX)
  assert.ok(second.bytesSent < 20_000, `${second.bytesSent} bytes sent`)
  const numbers = await Promise.all(
    first.platforms.map(async (platform) => {
      const { config } = await readImage(layout, { reference: 'v1', platform })
      return readLabel(config).map(({ number }) => number)
    }),
  )
  assert.deepEqual(numbers, [[2], [2]])
})

test('of an index one platform is embedded into where it is named, and has to be named for what holds one only', async (t) => {
  const { store, layout, embedAs } = await createWorld(t)
  await addVersion(store, 'm', { f: 'x' })
  await putIndex(t, layout, { tag: 'multi', layers: [BASE] })
  const into = await createArchive(join(await temporaryDirectory(t), 'app.tar'))
  await assert.rejects(
    embedAs('m', { base: 'multi', into, tag: 'app:v1' }),
    (error) => isBallastError(error, 'REFUSED') && /linux\/arm64/.test(error.message),
  )
  const { platforms } = await embedAs('m', { base: 'multi', into, tag: 'app:v1', platform: 'linux/arm64' })
  assert.deepEqual(platforms, ['linux/arm64'])
  assert.equal((await readImage(into, { reference: 'app:v1' })).config.architecture, 'arm64')
  await into.close?.()
})

test('an index inside an index is refused, and nothing is published', async (t) => {
  const { store, layout, embedAs } = await createWorld(t)
  await addVersion(store, 'm', { f: 'x' })
  await putIndex(t, layout, { tag: 'multi', layers: [BASE] })
  const { manifests, ...rest } = await indexAt(layout, 'multi')
  const nested = { mediaType: OCI_INDEX, digest: digestOf('nested'), size: 6 }
  const bytes = Buffer.from(
    JSON.stringify({ ...rest, manifests: [...(manifests as readonly Json[]), nested] }),
  )
  await layout.putManifest({ mediaType: OCI_INDEX, digest: digestOf(bytes), bytes }, 'nested')
  await assert.rejects(embedAs('m', { base: 'nested', tag: 'v1' }), (error) =>
    isBallastError(error, 'REFUSED'),
  )
  assert.equal(await layout.getManifest('v1'), undefined)
})

test('an image of another platform than the one named is refused', async (t) => {
  const { store, embedAs } = await createWorld(t)
  await addVersion(store, 'm', { f: 'x' })
  await assert.rejects(
    embedAs('m', { platform: 'linux/arm64' }),
    (error) => isBallastError(error, 'REFUSED') && /linux\/amd64/.test(error.message),
  )
  await embedAs('m', { platform: 'linux/amd64' })
})
