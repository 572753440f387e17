import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { inspectVolume, withVolumeHelper } from '../../src/docker/index.ts'
import { parseReference } from '../../src/model/index.ts'
import { type Delivery, deliverByHelper } from '../../src/mount/index.ts'
import { openStore } from '../../src/store/index.ts'
import { ask } from '../fixtures/command.ts'
import { busyboxImage, docker, engineMissing, machineEngine, uniqueName } from '../fixtures/engine.ts'
import { overNetwork } from '../fixtures/over-network.ts'
import { randomModel } from '../fixtures/store.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

const skip = engineMissing()
const skipVolume = skip || (process.getuid?.() !== 0 && 'only root gets at the directory of a volume')

interface Listed {
  readonly variants: readonly { readonly name: string; readonly version: string; readonly image?: string }[]
}

const namesOf = ({ variants }: Listed) => variants.map(({ name, version }) => [name, version])

async function createWorld(t: TestContext) {
  const cwd = await temporaryDirectory(t)
  const options = { store: join(cwd, 'store'), cwd }
  for (const version of ['1', '2', '3', '4']) {
    await writeFiles(join(cwd, version), randomModel(version))
    await ask(['add', 'sentiment', `./${version}`], options)
  }
  return options
}

test('variants of an image of the Engine are images that share its layers, and go with their tags', {
  skip,
}, async (t) => {
  const options = await createWorld(t)
  const base = await busyboxImage(t)
  const image = `${uniqueName('ballast-split')}:v1`
  const [name = ''] = image.split(':')
  t.after(async () => {
    const ids = await docker(['image', 'ls', '--format', '{{.Repository}}:{{.Tag}}', name])
    for (const id of ids.split('\n').filter((line) => line !== '')) await docker(['image', 'rm', id])
  })
  await ask(['embed', 'sentiment:1=/app/models', base, '-t', image], options)
  await ask(['split', `image:${image}`, 'canary=sentiment:2'], options)
  const both = await ask<Listed>(['route', `image:${image}`, 'tenant=acme', 'sentiment:3'], options)
  assert.deepEqual(namesOf(both), [
    ['canary', 'sentiment:2'],
    ['tenant-acme', 'sentiment:3'],
  ])
  const marker = await docker([
    ...['run', '--rm', '--network', 'none', both.variants[1]?.image ?? ''],
    ...['cat', '/app/models/.ballast/model.json'],
  ])
  assert.equal((JSON.parse(marker) as { number: number }).number, 3)
  const left = await ask<Listed>(['split', `image:${image}`, '--withdraw', 'canary'], options)
  assert.deepEqual(namesOf(left), [['tenant-acme', 'sentiment:3']])
  assert.equal(await docker(['image', 'ls', '-q', `${image}.variant-canary`]), '')
})

test('a volume on this host is split like a directory; a delivery by the helper costs no variant its version', {
  skip: skipVolume,
}, async (t) => {
  const options = await createWorld(t)
  const volume = uniqueName('ballast-split')
  const container = `${volume}-user`
  t.after(async () => {
    await docker(['rm', '-f', container]).catch(() => undefined)
    await docker(['volume', 'rm', volume])
  })
  await ask(['mount', 'sentiment:1', `volume:${volume}`, '--follow', '--once'], options)
  const split = await ask<Listed>(
    ['split', `volume:${volume}`, 'stable=90', 'canary=10', 'canary=sentiment:2'],
    options,
  )
  assert.deepEqual(namesOf(split), [
    ['stable', 'sentiment:1'],
    ['canary', 'sentiment:2'],
  ])
  const checked = await ask<{ operand: string; faults: string[] }[]>(['check', `volume:${volume}`], options)
  assert.deepEqual(
    checked.map(({ operand, faults }) => [operand, faults]),
    [
      [`volume:${volume}`, []],
      [`volume:${volume} (sentiment: canary)`, []],
    ],
  )
  const base = await busyboxImage(t)
  await docker([
    'create',
    '--name',
    container,
    '--user',
    '1000',
    '-v',
    `${volume}:/app/models:ro`,
    base,
    'true',
  ])
  for (const env of [{}, { DOCKER_HOST: await overNetwork(t) }]) {
    const inside = await ask<{ operand: string; faults: string[]; notes?: string[] }[]>(
      ['check', `container:${container}`],
      { ...options, env },
    )
    assert.deepEqual(
      inside.map(({ operand, faults }) => [operand, faults]),
      [
        [`container:${container}:/app/models`, []],
        [`container:${container}:/app/models (sentiment: canary)`, []],
      ],
    )
    assert.match(inside[0]?.notes?.join() ?? '', /variant canary: sentiment:2, 10 % of keys/)
  }
  await docker(['rm', container])
  const moves = await ask<{ tag: string }[]>(['history', `volume:${volume}`], options)
  assert.deepEqual(
    moves.map(({ tag }) => tag),
    ['sentiment', 'sentiment stable', 'sentiment canary'],
  )

  const store = await openStore(options.store)
  const engine = await machineEngine(t)
  await withVolumeHelper(engine, { volume }, async (helper) => {
    for (const number of [3, 4]) {
      const settings = { link: false, by: 'mount', graceMs: 0 }
      const delivery = await deliveryOf(store, number)
      await deliverByHelper(store, { helper, volume, name: 'sentiment', delivery }, settings)
    }
  })
  const { mountpoint = '' } = (await inspectVolume(engine, volume)) ?? {}
  const ids = (await readdir(join(mountpoint, '.ballast/versions'))).map((id) => id.split('-')[0])
  assert.deepEqual(ids.sort(), ['1', '2', '3', '4'])
})

async function deliveryOf(store: Awaited<ReturnType<typeof openStore>>, number: number): Promise<Delivery> {
  const reference = parseReference(`sentiment:${number}`)
  const digest = await store.records.resolve(reference)
  assert.ok(digest)
  const version = await store.readVersion(digest)
  return { version, marker: { model: reference.name, digest, number, reference: `sentiment:${number}` } }
}
