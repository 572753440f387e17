import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { bytesContent, type Digest, digestOf } from '../core/index.ts'
import { DOCKER_MANIFEST, decodeMarker, encodeMarker } from '../model/index.ts'
import {
  type AddedLayer,
  assembleImage,
  configOf,
  decodeImage,
  type EmbeddedModel,
  hashLayer,
  type ImageRepository,
  type LayerRecipe,
  layerContent,
  mergeInventories,
  modelLayers,
  openLayout,
  planPlacement,
  readInventory,
  readLabel,
  volumesOf,
} from './index.ts'

const absent = ['umoci', 'skopeo', 'tar'].filter((tool) => spawnSync(tool, ['--version']).error !== undefined)
const skip = absent.length > 0 && `${absent.join(', ')} is not installed`

test('a model is embedded into a Docker base, and other tools unpack and copy the result', {
  skip,
}, async (context) => {
  const directory = temporary(context)
  const layout = await openLayout(join(directory, 'image'), { create: true })
  await putBase(layout, directory)
  const stored = await layout.getManifest('base')
  assert.ok(stored)
  const base = decodeImage(stored, await bytesOf(layout, configOf(stored)))
  const inventories = await Promise.all(
    base.layers.map((layer, at) =>
      readInventory(layout.openBlob(layer).open(), { diffId: base.diffIds[at] as Digest }),
    ),
  )
  const weights = new Map(
    ['weights of the model', '{"labels":2}'].map((text) => [digestOf(text), Buffer.from(text)]),
  )
  const files = [...weights].map(([digest, data], at) => ({ path: `part${at}/f`, digest, size: data.length }))
  const marker = encodeMarker({
    model: 'sentiment',
    digest: digestOf('v'),
    number: 1,
    reference: 'sentiment:1',
  })
  const placement = planPlacement({
    base: mergeInventories(inventories),
    volumes: volumesOf(base.config),
    directory: '/models/sentiment',
    at: '/srv/app/models',
    marker,
  })
  const recipes = [...modelLayers({ files, ...placement }), placement.recipe]
  const openBlob = ({ digest }: { digest: Digest }) => bytesContent(weights.get(digest) ?? Buffer.alloc(0))
  const add: AddedLayer[] = []
  for (const recipe of recipes) add.push(await putLayer(layout, { recipe, openBlob }))
  const label: readonly EmbeddedModel[] = [
    {
      name: 'sentiment',
      model: 'sentiment',
      digest: digestOf('v'),
      number: 1,
      reference: 'sentiment:1',
      path: '/srv/app/models',
      layers: add.map((layer) => layer.digest),
      position: 'top',
      realPath: false,
    },
  ]
  const { config, manifest } = assembleImage({ base, remove: [], add, label })
  await layout.putBlob(config, bytesContent(config.bytes))
  await layout.putManifest(manifest, 'embedded')

  const environment = { ...process.env, HOME: directory }
  execFileSync(
    'umoci',
    ['unpack', '--rootless', '--image', `${directory}/image:embedded`, `${directory}/bundle`],
    {
      env: environment,
      stdio: 'pipe',
    },
  )
  const root = join(directory, 'bundle/rootfs')
  assert.equal(readFileSync(join(root, 'models/sentiment/part0/f'), 'utf8'), 'weights of the model')
  assert.equal(readlinkSync(join(root, 'opt/app/models')), '../../models/sentiment')
  assert.equal(statSync(join(root, 'opt/app')).mode & 0o7777, 0o2750)
  assert.equal(readFileSync(join(root, 'opt/app/main.py'), 'utf8'), 'print(1)\n')
  const inContainer = readFileSync(join(root, 'opt/app/models/.ballast/model.json'))
  assert.equal(decodeMarker(inContainer)?.reference, 'sentiment:1')

  const copy = [
    '--insecure-policy',
    'copy',
    `oci:${directory}/image:embedded`,
    `docker-archive:${directory}/a.tar`,
  ]
  execFileSync('skopeo', copy, { env: environment, stdio: 'pipe' })

  const again = decodeImage(manifest, config.bytes)
  assert.deepEqual(readLabel(again.config), label)
  const without = assembleImage({ base: again, remove: label, add: [], label: [] })
  assert.deepEqual(decodeImage(without.manifest, without.config.bytes).diffIds, base.diffIds)
})

async function putLayer(
  layout: ImageRepository,
  { recipe, openBlob }: { recipe: LayerRecipe; openBlob: Parameters<typeof layerContent>[1] },
): Promise<AddedLayer> {
  const layer = await hashLayer(recipe, openBlob)
  await layout.putBlob(layer, layerContent(recipe, openBlob))
  return { ...layer, createdBy: 'ballast embed' }
}

/** One gzip layer with a directory that is not root's alone, reached through a symlink, as Docker's schema 2. */
async function putBase(layout: ImageRepository, directory: string): Promise<void> {
  const root = join(directory, 'base')
  mkdirSync(join(root, 'opt/app'), { recursive: true })
  writeFileSync(join(root, 'opt/app/main.py'), 'print(1)\n')
  execFileSync(
    'sh',
    ['-c', 'chmod 2750 opt/app && mkdir srv && ln -s ../opt/app srv/app && tar -cf ../base.tar .'],
    {
      cwd: root,
    },
  )
  const tar = readFileSync(join(directory, 'base.tar'))
  const rootfs = { type: 'layers', diff_ids: [digestOf(tar)] }
  const config = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', config: {}, rootfs }))
  const layer = gzipSync(tar)
  const described = (mediaType: string, data: Buffer) => ({
    mediaType,
    digest: digestOf(data),
    size: data.length,
  })
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: DOCKER_MANIFEST,
      config: described('application/vnd.docker.container.image.v1+json', config),
      layers: [described('application/vnd.docker.image.rootfs.diff.tar.gzip', layer)],
    }),
  )
  for (const data of [config, layer]) await layout.putBlob(described('', data), bytesContent(data))
  await layout.putManifest({ mediaType: DOCKER_MANIFEST, digest: digestOf(bytes), bytes }, 'base')
}

async function bytesOf(layout: ImageRepository, blob: { digest: Digest; size: number }): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const chunk of layout.openBlob(blob).open()) parts.push(chunk)
  return Buffer.concat(parts)
}

function temporary(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'ballast-embedding-'))
  context.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}
