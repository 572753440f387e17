import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import {
  type BallastError,
  bytesContent,
  digestOf,
  isBallastError,
  readAll,
  verified,
} from '../../src/core/index.ts'
import { replaceImage } from '../../src/embed/former-images.ts'
import { transferBlobs } from '../../src/embed/transfer.ts'
import { childrenOf, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST } from '../../src/model/index.ts'
import {
  type BlobDescriptor,
  type ImageRepository,
  openLayout,
  type StoredManifest,
} from '../../src/oci/index.ts'
import {
  createStoreStorage,
  openRepository,
  type RegistryStorage,
  startRegistry,
} from '../../src/registry/index.ts'
import { openStore } from '../../src/store/index.ts'
import { dockerRegistryMissing, startDockerRegistry } from '../doubles/docker-registry.ts'
import { type Fault, type Plan, randomPlan } from '../doubles/faulty-plan.ts'
import { startFaultyServer } from '../doubles/faulty-server.ts'
import { faultyRepository, faultyStorage } from '../doubles/faulty-store.ts'
import { createMemoryStorage } from '../doubles/memory-storage.ts'
import { createRandom, type Random } from '../fixtures/random.ts'
import { temporaryDirectory } from '../fixtures/temporary.ts'

const LIMIT = 16 * 1024 * 1024
const STALL_MS = 150
/** A step makes at most a few dozen requests, and each try of one ends within a stall or two. */
const LONGEST_STEP_MS = 30_000
const STEPS = 10
const TAGS = ['v1', 'v2', 'latest']

interface TestImage {
  readonly manifest: StoredManifest
  readonly blobs: readonly (BlobDescriptor & { readonly data: Buffer })[]
}

interface Scene {
  /** What the client works with, faults and all. */
  readonly faulty: ImageRepository
  /** Another repository of the same registry. */
  readonly other: ImageRepository
  /** The same repository as `faulty`, undisturbed. */
  readonly plain: ImageRepository
}

function imageOf(random: Random, sizes: readonly number[]): TestImage {
  const blobs = [
    Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', seed: random.next() })),
    ...sizes.map((size) => random.bytes(size)),
  ].map((data) => ({ digest: digestOf(data), size: data.length, data }))
  const [config, ...layers] = blobs.map(({ digest, size }) => ({ digest, size }))
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { mediaType: OCI_CONFIG, ...config },
      layers: layers.map((layer) => ({ mediaType: OCI_LAYER, ...layer })),
    }),
  )
  return { manifest: { mediaType: OCI_MANIFEST, digest: digestOf(bytes), bytes }, blobs }
}

async function push(repository: ImageRepository, { manifest, blobs }: TestImage, tag: string): Promise<void> {
  for (const blob of blobs) {
    if (await repository.hasBlob(blob)) continue
    await repository.putBlob(blob, bytesContent(blob.data))
  }
  await repository.putManifest(manifest, tag)
}

async function pushAndLook({ faulty, plain }: Scene, image: TestImage, tag: string): Promise<void> {
  await push(faulty, image, tag)
  const found = await plain.getManifest(tag)
  assert.equal(found?.digest, image.manifest.digest, 'what was pushed is there')
}

/** Reads an image whole. The bytes are compared with what was once pushed, whatever their digest. */
async function pull(repository: ImageRepository, tag: string, images: readonly TestImage[]): Promise<void> {
  const found = await repository.getManifest(tag)
  if (found === undefined) return
  const image = images.find(({ manifest }) => manifest.bytes.equals(found.bytes))
  assert.ok(image, 'a manifest that nobody pushed was accepted')
  for (const { data, ...blob } of image.blobs) {
    const read = await readAll(verified(repository.openBlob(blob).open(), blob), LIMIT)
    assert.ok(read.equals(data), 'wrong bytes were accepted')
  }
}

/** The steps of a client, each of which has to succeed or to fail in words. Returns how many did. */
async function play(
  scene: Scene,
  random: Random,
): Promise<{ readonly done: number; readonly failed: number }> {
  const { faulty, other, plain } = scene
  const images = [1, 2, 3].map(() => imageOf(random, [random.below(100_000), random.below(3_000)]))
  const count = { done: 0, failed: 0 }
  for (let step = 0; step < STEPS; step++) {
    const image = random.pick(images)
    const tag = random.pick(TAGS)
    const since = performance.now()
    try {
      await random.pick<() => Promise<void>>([
        () => pushAndLook(scene, image, tag),
        () => pushAndLook(scene, image, tag),
        () => pull(faulty, tag, images),
        () => pull(faulty, tag, images),
        async () => {
          for (const blob of image.blobs) {
            if (await faulty.mountBlob(blob, other)) {
              assert.ok(await plain.hasBlob(blob), 'what was mounted is there')
            }
          }
        },
        async () => void (await faulty.listTags()),
      ])()
      count.done++
    } catch (error) {
      if (!isBallastError(error)) throw error
      assert.match(error.message, /\S/)
      count.failed++
    }
    const took = performance.now() - since
    assert.ok(took < LONGEST_STEP_MS, `a step took ${took} ms`)
  }
  await assertWhole(plain)
  return count
}

/** Every manifest that can be found has all of its blobs, and they are what they are called. */
async function assertWhole(plain: ImageRepository): Promise<void> {
  for (const tag of await plain.listTags()) {
    const manifest = await plain.getManifest(tag)
    assert.ok(manifest, `${tag} leads nowhere`)
    for (const child of childrenOf(manifest.bytes)) {
      await readAll(verified(plain.openBlob(child).open(), child), LIMIT).catch((error: BallastError) =>
        assert.fail(`${tag} is not whole: ${error.message}`),
      )
    }
  }
}

/** Runs the property with a seed that is printed; `BALLAST_SEED` repeats one. */
async function assertHolds(
  t: TestContext,
  { runs, stage }: { readonly runs: number; readonly stage: (random: Random, run: number) => Promise<Scene> },
): Promise<void> {
  const seed = Number(process.env.BALLAST_SEED ?? Date.now() % 2 ** 31)
  t.diagnostic(`BALLAST_SEED=${seed}`)
  const all = { done: 0, failed: 0 }
  let run = 0
  const property = fc.asyncProperty(fc.integer(), async (number) => {
    const random = createRandom(`faults-${number}`)
    const { done, failed } = await play(await stage(random, ++run), random)
    all.done += done
    all.failed += failed
  })
  await fc.assert(property, { seed, numRuns: runs, endOnFailure: true })
  t.diagnostic(`${all.done} steps succeeded, ${all.failed} failed in words`)
  assert.ok(all.done > 0 && all.failed > 0, 'the faults are neither too many nor too few')
}

function clientOf(host: string, name: string): ImageRepository {
  const patience = { stallMs: STALL_MS, commitMs: STALL_MS }
  return openRepository({ host, name, retryDelays: [1, 1], patience })
}

function patientClient(host: string, name: string): ImageRepository {
  return openRepository({ host, name, retryDelays: [10, 100] })
}

async function serve(t: TestContext, storage: RegistryStorage): Promise<string> {
  const registry = await startRegistry({ storage, log: () => undefined })
  t.after(registry.close)
  return registry.host
}

async function proxied(
  t: TestContext,
  { target, random, name }: { readonly target: string; readonly random: Random; readonly name: string },
): Promise<Scene> {
  const { host } = await startFaultyServer(t, { target, plan: randomPlan(random, 0.4) })
  return { faulty: clientOf(host, name), other: clientOf(host, 'other'), plain: patientClient(target, name) }
}

const AT = [0.3, 0.7]
const FAULTS: readonly Fault[] = [
  ...[401, 404, 416, 500].map((status) => ({ kind: 'status', status }) as const),
  ...(['truncate', 'flip', 'drop', 'duplicate', 'reset'] as const).flatMap((kind) =>
    (['sent', 'answered'] as const).flatMap((side) => AT.map((at) => ({ kind, side, at }))),
  ),
  ...(['sent', 'answered'] as const).map((side) => ({ kind: 'stall', side, at: 0.5 }) as const),
  ...[-1, 1, 1_000_000].map((by) => ({ kind: 'length', by }) as const),
  { kind: 'digest' },
]
/** HEAD, POST and PUT of two blobs, PUT of the manifest, GET of the manifest and of the blobs. */
const REQUESTS = 10

test('each fault at each request of a push and a pull: the right bytes or words, and the next try succeeds', async (t) => {
  const target = await serve(t, createMemoryStorage())
  const random = createRandom('each fault')
  let next: { readonly index: number; readonly fault: Fault } | undefined
  let seen = 0
  const plan: Plan = () => (next?.index === seen++ ? next.fault : undefined)
  const { host } = await startFaultyServer(t, { target, plan })
  const count = { done: 0, failed: 0 }
  for (const [number, fault] of FAULTS.entries()) {
    for (let index = 0; index < REQUESTS; index++) {
      const name = `app-${number}-${index}`
      const scene = {
        faulty: clientOf(host, name),
        other: clientOf(host, 'x'),
        plain: patientClient(target, name),
      }
      const image = imageOf(random, [5_000])
      ;[next, seen] = [{ index, fault }, 0]
      try {
        await pushAndLook(scene, image, 'v1')
        await pull(scene.faulty, 'v1', [image])
        count.done++
      } catch (error) {
        if (!isBallastError(error)) {
          throw new Error(`${JSON.stringify(fault)} at request ${index}`, { cause: error })
        }
        count.failed++
      }
      next = undefined
      await assertWhole(scene.plain)
      const undisturbed = { ...scene, faulty: patientClient(host, name) }
      await pushAndLook(undisturbed, image, 'v1')
      await pull(undisturbed.faulty, 'v1', [image])
    }
  }
  t.diagnostic(`${count.done} succeeded, ${count.failed} failed in words`)
})

test('an image is published whole or not at all, whatever the repositories do that it is copied between', async (t) => {
  let layouts = 0
  const directory = await temporaryDirectory(t)
  await assertHolds(t, {
    runs: 15,
    async stage(random) {
      const layout = await openLayout(join(directory, `layout-${++layouts}`), { create: true })
      const source = await openLayout(join(directory, `source-${layouts}`), { create: true })
      const plan = randomPlan(random, 0.2)
      return {
        faulty: publishing(faultyRepository(layout, plan), faultyRepository(source, plan)),
        other: source,
        plain: layout,
      }
    },
  })
})

/** What is put is first put into the source, and copied from there as `embed` does. */
function publishing(target: ImageRepository, source: ImageRepository): ImageRepository {
  return {
    ...target,
    putBlob: (blob, content, options) => source.putBlob(blob, content, options),
    async putManifest(manifest, tag = '', options) {
      const blobs = childrenOf(manifest.bytes).map((child) => ({
        ...child,
        item: child.digest,
        heldBy: source,
        content: () => source.openBlob(child),
      }))
      await transferBlobs(target, blobs, options)
      await replaceImage(target, { tag, manifest }, options)
    },
  }
}

test('whatever happens on the way to a registry, its client gets the right bytes or fails in words, in time', async (t) => {
  const target = await serve(t, createMemoryStorage())
  await assertHolds(t, {
    runs: 20,
    stage: (random, run) => proxied(t, { target, random, name: `app-${run}` }),
  })
})

test('the same over a store', async (t) => {
  const target = await serve(t, createStoreStorage(await openStore(await temporaryDirectory(t))))
  await assertHolds(t, {
    runs: 5,
    stage: (random, run) => proxied(t, { target, random, name: `app-${run}` }),
  })
})

test('the same with docker-registry', { skip: dockerRegistryMissing() }, async (t) => {
  const registry = await startDockerRegistry()
  assert.ok(registry)
  t.after(() => registry.close())
  const target = registry.host.replace('localhost', '127.0.0.1')
  await assertHolds(t, {
    runs: 10,
    stage: (random, run) => proxied(t, { target, random, name: `app-${run}` }),
  })
})

test("the same where it is the registry's storage that fails", async (t) => {
  const storage = createMemoryStorage()
  const target = await serve(t, storage)
  await assertHolds(t, {
    runs: 15,
    async stage(random, run) {
      const host = await serve(t, faultyStorage(storage, randomPlan(random, 0.3)))
      const name = `app-${run}`
      return {
        faulty: clientOf(host, name),
        other: clientOf(host, 'other'),
        plain: patientClient(target, name),
      }
    },
  })
})
