import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { imageRepositorySuite } from '../../test/suites/image-repository.ts'
import { bytesContent, digestOf, hexOf, isBallastError, readAll } from '../core/index.ts'
import { OCI_CONFIG, OCI_LAYER, OCI_MANIFEST } from '../model/index.ts'
import type { ImageRepository, StoredManifest } from './image-repository.ts'
import { layerContent } from './layer.ts'
import { openLayout } from './layout-repository.ts'

imageRepositorySuite('an OCI image layout', (context) =>
  openLayout(join(temporary(context), 'layout'), { create: true }),
)

const noSkopeo = spawnSync('skopeo', ['--version']).status !== 0 && 'skopeo is not installed'
const LIMIT = 1024 * 1024

test('without create a missing layout is NOT_FOUND, and a foreign directory is refused', async (context) => {
  const directory = temporary(context)
  await assert.rejects(openLayout(join(directory, 'no'), { create: false }), code('NOT_FOUND'))
  writeFileSync(join(directory, 'thesis.txt'), '')
  await assert.rejects(openLayout(directory, { create: false }), code('NOT_FOUND'))
  await assert.rejects(openLayout(directory, { create: true }), code('REFUSED'))
  assert.deepEqual(readdirSync(directory), ['thesis.txt'])
})

test('two who create the same layout share it', async (context) => {
  const directory = join(temporary(context), 'layout')
  const layouts = await Promise.all([1, 2, 3].map(() => openLayout(directory, { create: true })))
  await Promise.all(
    layouts.map(async (layout, at) => layout.putManifest(await image(layout, `${at}`), `t${at}`)),
  )
  assert.deepEqual(await layouts[0]?.listTags(), ['t0', 't1', 't2'])
})

test('entries and fields of other tools stay', async (context) => {
  const directory = join(temporary(context), 'layout')
  const layout = await openLayout(directory, { create: true })
  const first = await image(layout, 'first')
  await layout.putManifest(first, 'mine')
  const path = join(directory, 'index.json')
  const index = JSON.parse(readFileSync(path, 'utf8'))
  const foreign = {
    mediaType: 'application/x',
    digest: 'sha512:aa',
    size: 1,
    annotations: { a: 'b' },
    extra: 1,
  }
  writeFileSync(path, JSON.stringify({ ...index, note: 'kept', manifests: [foreign, ...index.manifests] }))
  await layout.putManifest(await image(layout, 'second'), 'mine')
  const after = JSON.parse(readFileSync(path, 'utf8'))
  assert.equal(after.note, 'kept')
  assert.deepEqual(after.manifests[0], foreign)
  assert.equal(after.manifests.length, 2)
})

test('the empty tag means the only manifest, or the one without a tag', async (context) => {
  const layout = await openLayout(join(temporary(context), 'layout'), { create: true })
  assert.equal(await layout.getManifest(''), undefined)
  const [one, two, three] = [await image(layout, '1'), await image(layout, '2'), await image(layout, '3')]
  await layout.putManifest(one, 'a')
  assert.equal((await layout.getManifest(''))?.digest, one.digest)
  await layout.putManifest(two, 'b')
  await assert.rejects(
    layout.getManifest(''),
    (error) => isBallastError(error, 'REFUSED') && /a, b/.test(error.hint ?? ''),
  )
  await layout.putManifest(three, '')
  assert.equal((await layout.getManifest(''))?.digest, three.digest)
  await layout.putManifest(one, '')
  assert.equal((await layout.getManifest(''))?.digest, one.digest)
  assert.deepEqual(await layout.listTags(), ['a', 'b'])
})

test('digests in index.json are not trusted as names of files', async (context) => {
  const directory = join(temporary(context), 'layout')
  const layout = await openLayout(directory, { create: true })
  const annotations = { 'org.opencontainers.image.ref.name': 'x' }
  for (const digest of ['sha256:../../../../etc/passwd', 'md5:1', 7]) {
    writeFileSync(
      join(directory, 'index.json'),
      JSON.stringify({ manifests: [{ digest, size: 1, annotations }] }),
    )
    await assert.rejects(layout.getManifest('x'), code('DAMAGED'))
  }
  writeFileSync(join(directory, 'index.json'), '[]')
  await assert.rejects(layout.listTags(), code('DAMAGED'))
})

test('damage on the disk is found: a shorter blob, a changed manifest', async (context) => {
  const directory = join(temporary(context), 'layout')
  const layout = await openLayout(directory, { create: true })
  const manifest = await image(layout, 'x')
  await layout.putManifest(manifest, 'x')
  const data = Buffer.from('some bytes')
  const blob = { digest: digestOf(data), size: data.length }
  await layout.putBlob(blob, bytesContent(data))
  truncateSync(join(directory, 'blobs/sha256', hexOf(blob.digest)), 3)
  assert.equal(await layout.hasBlob(blob), false)
  await assert.rejects(readAll(layout.openBlob(blob).open(), LIMIT), code('DAMAGED'))
  await layout.putBlob(blob, bytesContent(data))
  assert.deepEqual(await readAll(layout.openBlob(blob).open(), LIMIT), data)
  const path = join(directory, 'blobs/sha256', hexOf(manifest.digest))
  writeFileSync(path, readFileSync(path, 'utf8').replace('amd64', 'arm64').replace('layer', 'lauer'))
  await assert.rejects(layout.getManifest('x'), code('DAMAGED'))
})

test('a failed put leaves no temporary file', async (context) => {
  const directory = join(temporary(context), 'layout')
  const layout = await openLayout(directory, { create: true })
  const before = readdirSync(directory)
  const blob = { digest: digestOf('right'), size: 5 }
  await assert.rejects(layout.putBlob(blob, bytesContent(Buffer.from('wrong'))), code('DAMAGED'))
  assert.deepEqual(readdirSync(directory), before)
  assert.deepEqual(readdirSync(join(directory, 'blobs/sha256')), [])
})

test('skopeo copies an image out of the layout, and ours reads what skopeo wrote', {
  skip: noSkopeo,
}, async (context) => {
  const directory = temporary(context)
  const layout = await openLayout(join(directory, 'ours'), { create: true })
  const manifest = await image(layout, 'for skopeo')
  await layout.putManifest(manifest, 'v1')
  mkdirSync(join(directory, 'home'))
  const copied = spawnSync(
    'skopeo',
    [
      '--insecure-policy',
      'copy',
      '--preserve-digests',
      `oci:${directory}/ours:v1`,
      `oci:${directory}/theirs:v2`,
    ],
    { encoding: 'utf8', env: { ...process.env, HOME: join(directory, 'home') } },
  )
  assert.equal(copied.status, 0, copied.stderr)
  const theirs = await openLayout(join(directory, 'theirs'), { create: false })
  assert.deepEqual(await theirs.listTags(), ['v2'])
  assert.deepEqual((await theirs.getManifest('v2'))?.bytes, manifest.bytes)
})

async function image(layout: ImageRepository, text: string): Promise<StoredManifest> {
  const recipe = { entries: [{ kind: 'inline', path: 'note', text } as const] }
  const layer = await readAll(layerContent(recipe, () => bytesContent(Buffer.alloc(0))).open(), LIMIT)
  const rootfs = { type: 'layers', diff_ids: [digestOf(layer)] }
  const config = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs }))
  const blobOf = (data: Buffer) => ({ digest: digestOf(data), size: data.length })
  for (const data of [config, layer]) await layout.putBlob(blobOf(data), bytesContent(data))
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

function temporary(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'ballast-layout-'))
  context.after(() => rmSync(directory, { recursive: true }))
  return directory
}

function code(expected: string): (error: unknown) => boolean {
  return (error) => isBallastError(error) && error.code === expected
}
