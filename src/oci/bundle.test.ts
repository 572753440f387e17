import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { imageRepositorySuite } from '../../test/suites/image-repository.ts'
import { bytesContent, type Digest, digestOf } from '../core/index.ts'
import { OCI_CONFIG, OCI_LAYER, OCI_MANIFEST } from '../model/index.ts'
import { openBundle } from './bundle.ts'
import { createBundle } from './bundle-writer.ts'
import type { ImageRepository, StoredManifest } from './image-repository.ts'

imageRepositorySuite('a bundle that is being written', async (context) => {
  const bundle = await createBundle(join(await temporaryDirectory(context), 'bundle.tar'))
  context.after(bundle.discard)
  return bundle.repository('sentiment')
})

test('what is put under the names of models is read under them, with what is attached', async (t) => {
  const path = join(await temporaryDirectory(t), 'bundle.tar')
  const bundle = await createBundle(path)
  const first = await put(bundle.repository('sentiment'), 'one', ['1', 'prod'])
  const other = await put(bundle.repository('team/topics'), 'two', ['1'])
  const about = await put(bundle.repository('sentiment'), 'about one', [], first.digest)
  await bundle.finish()
  await bundle.discard()
  const read = await openBundle(path)
  assert.deepEqual(read.models, ['sentiment', 'team/topics'])
  const sentiment = read.repository('sentiment')
  assert.deepEqual(await sentiment.listTags(), ['1', 'prod'])
  assert.deepEqual(await sentiment.getManifest('prod'), first)
  assert.equal(await sentiment.getManifest('2'), undefined)
  assert.deepEqual(await read.repository('team/topics').getManifest('1'), other)
  assert.deepEqual(
    (await sentiment.referrers?.list(first.digest))?.map(({ digest }) => digest),
    [about.digest],
  )
  assert.deepEqual(await sentiment.referrers?.list(other.digest), [])
  await assert.rejects(sentiment.putManifest(first, 'canary'), { code: 'REFUSED' })
})

test('a bundle appears whole or not at all, and the same put again gives the same bytes', async (t) => {
  const directory = await temporaryDirectory(t)
  const path = join(directory, 'bundle.tar')
  const write = async (text: string, finish: boolean): Promise<void> => {
    const bundle = await createBundle(path)
    await put(bundle.repository('sentiment'), text, ['1'])
    if (finish) await bundle.finish()
    await bundle.discard()
  }
  await write('one', false)
  assert.deepEqual(await readdir(directory), [])
  await write('one', true)
  const bytes = await readFile(path)
  await write('two', false)
  assert.ok((await readFile(path)).equals(bytes))
  await write('one', true)
  assert.ok((await readFile(path)).equals(bytes))
  assert.deepEqual(await readdir(directory), ['bundle.tar'])
})

async function put(
  repository: ImageRepository,
  text: string,
  tags: readonly string[],
  subject?: Digest,
): Promise<StoredManifest> {
  const [config, layer] = [Buffer.from('{}'), Buffer.from(text)]
  for (const data of [config, layer]) {
    await repository.putBlob({ digest: digestOf(data), size: data.length }, bytesContent(data))
  }
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { mediaType: OCI_CONFIG, digest: digestOf(config), size: config.length },
      layers: [{ mediaType: OCI_LAYER, digest: digestOf(layer), size: layer.length }],
      ...(subject && { subject: { mediaType: OCI_MANIFEST, digest: subject, size: 1 } }),
    }),
  )
  const manifest = { mediaType: OCI_MANIFEST, digest: digestOf(bytes), bytes }
  if (subject !== undefined) await repository.referrers?.put(manifest)
  for (const tag of tags) await repository.putManifest(manifest, tag)
  return manifest
}
