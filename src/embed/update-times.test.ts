import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type BaseEntry, writeImageLayout } from '../../test/fixtures/image-layout.ts'
import { addVersion, temporaryStore } from '../../test/fixtures/store.ts'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { digestOf } from '../core/index.ts'
import { OCI_INDEX, parseReference } from '../model/index.ts'
import { type ImageRepository, openLayout } from '../oci/index.ts'
import type { Store } from '../store/index.ts'
import type { Pricing } from './choose-position.ts'
import { embed } from './embed.ts'
import { modelTimes } from './update-times.ts'

const DAY = 24 * 60 * 60_000
const RUNTIME: readonly BaseEntry[] = [{ path: 'usr/' }, { path: 'usr/lib.so', text: noise(4000) }]

interface World {
  readonly store: Store
  readonly result: ImageRepository
  /** Embeds the model into a base with this code, built so many days ago. */
  readonly embedInto: (
    code: string,
    built: number | string,
    position: 'top' | 'bottom' | 'auto',
  ) => Promise<{ readonly position: string | undefined; readonly pricing: Pricing | undefined }>
}

async function createWorld(t: TestContext): Promise<World> {
  const store = await temporaryStore(t)
  const directory = await temporaryDirectory(t)
  await addVersion(store, 'm', { f: noise(100_000) })
  const result = await openLayout(join(directory, 'result'), { create: true })
  return {
    store,
    result,
    async embedInto(code, built, position) {
      const layout = join(directory, `base-${code}`)
      const created = typeof built === 'string' ? built : daysAgo(built)
      await writeImageLayout(layout, {
        tag: 'x',
        layers: [RUNTIME, [{ path: 'code.py', text: code }]],
        created,
      })
      const reference = parseReference('m')
      const digest = await store.records.resolve(reference)
      assert.ok(digest)
      const version = await store.readVersion(digest)
      const model = { reference, number: 1, version, path: '/app/models', name: undefined, position }
      const embedded = await embed(store, {
        models: [model],
        base: { repository: await openLayout(layout, { create: false }), reference: 'x' },
        result: { repository: result, reference: 'app' },
      })
      return { position: embedded.models[0]?.position, pricing: embedded.pricing[0] }
    },
  }
}

test('code that changed often, by the former images, moves the model to the bottom; the figures are told', async (t) => {
  const { store, embedInto } = await createWorld(t)
  await ageTag(store, 'm', 60)
  for (const [code, built] of [
    ['a', 60],
    ['b', 45],
    ['c', 30],
  ] as const) {
    await embedInto(code, built, 'top')
  }
  const { position, pricing } = await embedInto('d', 15, 'auto')
  assert.ok(pricing)
  assert.deepEqual([position, pricing.because], ['bottom', 'fewer bytes'])
  assert.ok(Math.abs((pricing.codeUpdatesPerMonth ?? 0) - 1.5) < 0.01, `${pricing.codeUpdatesPerMonth}`)
  assert.equal(pricing.modelUpdatesPerMonth, 0)
  assert.ok(pricing.codeBytes < 1000 && pricing.baseBytes > 2000 && pricing.modelBytes > 100_000)
  assert.ok((pricing.bytesPerMonth?.top ?? 0) > 1.4 * pricing.modelBytes)
  assert.ok((pricing.bytesPerMonth?.bottom ?? 0) < 1500)
})

test('a position that auto has chosen stays without reason to move, also in an image built anew', async (t) => {
  const { store, embedInto } = await createWorld(t)
  await ageTag(store, 'm', 60)
  await embedInto('a', 20, 'bottom')
  const { position, pricing } = await embedInto('b', 18, 'auto')
  assert.deepEqual([position, pricing?.because], ['bottom', 'fewer bytes'])
  const { pricing: later } = await embedInto('b', 18, 'auto')
  assert.equal(later?.position, 'bottom')
})

test('times that no builder knows tell nothing, and a result that is an index is not compared', async (t) => {
  const { store, result, embedInto } = await createWorld(t)
  await ageTag(store, 'm', 60)
  for (const created of ['1970-01-01T00:00:00Z', '0001-01-01T00:00:00Z', 'yesterday']) {
    const { position, pricing } = await embedInto('a', created, 'auto')
    assert.deepEqual([position, pricing?.because, pricing?.codeUpdatesPerMonth], ['top', 'no history', null])
  }
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] }))
  await result.putManifest({ mediaType: OCI_INDEX, digest: digestOf(bytes), bytes }, 'app')
  assert.equal((await embedInto('b', 30, 'auto')).position, 'top')
})

test('a tag counts its moves to other versions, a number the versions of the model', async (t) => {
  const { store } = await createWorld(t)
  await addVersion(store, 'm:prod', { f: '2' })
  await addVersion(store, 'm:prod', { f: '2' })
  await addVersion(store, 'm', { f: '3' })
  const count = async (text: string): Promise<number> =>
    (await modelTimes(store, parseReference(text))).filter((time) => time > Date.now() - DAY).length
  assert.deepEqual([await count('m:prod'), await count('m'), await count('m:2')], [1, 2, 3])
})

function daysAgo(days: number): string {
  return new Date(Date.now() - days * DAY).toISOString()
}

/** The same for the same length, and hard to compress. */
function noise(length: number): string {
  let text = ''
  for (let at = 0; text.length < length; at++) text += digestOf(`${at}`).slice(7)
  return text.slice(0, length)
}

/** Lets the tag's moves have been made so many days ago. */
async function ageTag(store: Store, name: string, days: number): Promise<void> {
  const directory = join(store.root, 'ballast/repositories', name, 'tags/latest')
  for (const file of await readdir(directory)) {
    const record = JSON.parse(await readFile(join(directory, file), 'utf8')) as object
    await writeFile(join(directory, file), JSON.stringify({ ...record, time: daysAgo(days) }))
  }
}
