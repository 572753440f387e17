import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bytesContent, type Digest, isBallastError } from '../../src/core/index.ts'
import { encodeVersion, parseReference } from '../../src/model/index.ts'
import { createStoreStorage } from '../../src/registry/index.ts'
import { openStore } from '../../src/store/index.ts'
import { add } from '../../src/workflows/add.ts'
import { embed } from '../../src/workflows/embed.ts'
import { remove } from '../../src/workflows/remove.ts'
import { rollbackTag, tag } from '../../src/workflows/tag.ts'
import { verify } from '../../src/workflows/upkeep.ts'
import { writeImageLayout } from '../fixtures/image-layout.ts'
import type { Random } from '../fixtures/random.ts'
import type { Actor } from './barriers.ts'
import { liveReferences } from './wholeness.ts'

export interface Place {
  readonly root: string
  readonly store: string
  readonly random: Random
}

/** Work that is done at the same time on one store, and what must hold when all of it has ended. */
export interface Scenario {
  readonly name: string
  readonly prepare: (place: Place) => Promise<{
    readonly actors: readonly Actor[]
    readonly assertDone: (outcomes: readonly PromiseSettledResult<unknown>[]) => Promise<void>
  }>
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'add, gc',
    async prepare(place) {
      const source = await writeSource(place, 'new')
      await addOnce(place, 'other', await writeSource(place, 'other'))
      return {
        actors: [adding(place, 'model', source), collecting(place)],
        assertDone: async (outcomes) => assertAdded(place, outcomes, ['model']),
      }
    },
  },
  {
    name: 'add of bytes that were let go, gc',
    async prepare(place) {
      const source = await writeSource(place, 'same')
      await addOnce(place, 'former', source)
      await removeOnce(place, 'former')
      return {
        actors: [adding(place, 'model', source), collecting(place)],
        assertDone: async (outcomes) => assertAdded(place, outcomes, ['model']),
      }
    },
  },
  {
    name: 'add, removal of the same bytes, gc',
    async prepare(place) {
      const source = await writeSource(place, 'same')
      await addOnce(place, 'former', source)
      return {
        actors: [adding(place, 'model', source), removing(place, 'former'), collecting(place)],
        assertDone: async (outcomes) => assertAdded(place, outcomes, ['model']),
      }
    },
  },
  {
    name: 'two adds of the same bytes, gc',
    async prepare(place) {
      const source = await writeSource(place, 'same')
      await addOnce(place, 'former', source)
      await removeOnce(place, 'former')
      return {
        actors: [adding(place, 'one', source), adding(place, 'two', source), collecting(place)],
        assertDone: async (outcomes) => assertAdded(place, outcomes, ['one', 'two']),
      }
    },
  },
  {
    name: 'embed into a layout, removal of the model, gc',
    async prepare(place) {
      const source = await writeSource(place, 'same')
      await addOnce(place, 'model', source)
      const layout = join(place.root, 'layout')
      await writeImageLayout(layout, { tag: 'base', layers: [[{ path: 'app/' }]] })
      const [image, result] = [`oci:${layout}:base`, `oci:${layout}:out`]
      const embedding = async (): Promise<unknown> =>
        embed(await openStore(place.store), {
          models: ['model=/app/m'],
          image,
          result,
          access: { dockerConfig: '' },
        })
      return {
        actors: [{ name: 'embed', work: embedding }, removing(place, 'model'), collecting(place)],
        assertDone: async ([embedded, ...others]) => {
          assertSucceeded(others)
          // The model may go before its files are leased; then it is missed, and nothing is written.
          if (embedded?.status === 'fulfilled') await assertImage(layout, source.bytes)
          else assertMissed(embedded?.reason)
        },
      }
    },
  },
  {
    name: 'push into the registry, gc',
    async prepare(place) {
      const source = await writeSource(place, 'same')
      await addOnce(place, 'former', source)
      await removeOnce(place, 'former')
      return {
        actors: [{ name: 'push', work: () => push(place, source.bytes) }, collecting(place)],
        assertDone: async (outcomes) => {
          assertSucceeded(outcomes)
          assertThere(place, ['pushed:latest', 'pushed:1'])
        },
      }
    },
  },
  {
    name: 'verify, add, gc',
    async prepare(place) {
      const source = await writeSource(place, 'new')
      await addOnce(place, 'former', await writeSource(place, 'former'))
      await removeOnce(place, 'former')
      return {
        actors: [verifying(place), adding(place, 'model', source), collecting(place)],
        assertDone: async (outcomes) => {
          assertAdded(place, outcomes, ['model'])
          assertSoundFor(outcomes[0])
        },
      }
    },
  },
  {
    name: 'verify, removal of a model, gc',
    async prepare(place) {
      await addOnce(place, 'model', await writeSource(place, 'one'))
      return {
        actors: [verifying(place), removing(place, 'model'), collecting(place)],
        assertDone: async (outcomes) => {
          assertSucceeded(outcomes)
          assertSoundFor(outcomes[0])
        },
      }
    },
  },
  {
    name: 'tag and rollback, removal of the version, gc',
    async prepare(place) {
      await addOnce(place, 'model', await writeSource(place, 'one'))
      await addOnce(place, 'model:prod', await writeSource(place, 'two'))
      const moving = async (): Promise<void> => {
        const store = await openStore(place.store)
        await tag(store, ['model:1', 'prod'])
        await rollbackTag(store, 'model:prod')
        await rollbackTag(store, 'model:prod')
      }
      return {
        actors: [{ name: 'tag', work: moving }, removing(place, 'model:1'), collecting(place)],
        assertDone: async ([moved, removed, collected]) => {
          assertSucceeded(collected === undefined ? [] : [collected])
          for (const outcome of [moved, removed]) {
            if (outcome?.status === 'rejected') assertMissed(outcome.reason)
          }
        },
      }
    },
  },
]

interface Source {
  readonly directory: string
  readonly bytes: Buffer
}

export async function writeSource({ root, random }: Place, name: string): Promise<Source> {
  const directory = join(root, `source-${name}`)
  const bytes = random.bytes(600)
  await mkdir(directory)
  await writeFile(join(directory, 'weights.bin'), bytes)
  return { directory, bytes }
}

export async function addOnce({ store }: Place, name: string, { directory }: Source): Promise<unknown> {
  return add(await openStore(store), { name, sources: [directory] })
}

async function removeOnce({ store }: Place, name: string): Promise<unknown> {
  return remove(await openStore(store), name, name.includes(':') ? { force: true } : { all: true })
}

function adding(place: Place, name: string, source: Source): Actor {
  return { name: `add ${name}`, work: () => addOnce(place, name, source) }
}

function removing(place: Place, name: string): Actor {
  return { name: `remove ${name}`, work: () => removeOnce(place, name) }
}

function collecting({ store }: Place): Actor {
  return { name: 'gc', work: async () => (await openStore(store)).gc() }
}

function verifying({ store }: Place): Actor {
  return { name: 'verify', work: async () => verify(await openStore(store)) }
}

/** What comes and goes beside it is no problem of the store. */
function assertSoundFor(outcome: PromiseSettledResult<unknown> | undefined): void {
  if (outcome?.status === 'fulfilled')
    assert.deepEqual((outcome.value as { problems: readonly unknown[] }).problems, [])
}

/** As a client pushes a model of one file: it asks what is there, sends the rest, and then the manifest. */
async function push({ store: root }: Place, weights: Buffer): Promise<void> {
  const storage = createStoreStorage(await openStore(root))
  try {
    const digest = `sha256:${hash(weights)}` as Digest
    const { version, manifest, config } = encodeVersion([
      { path: 'weights.bin', digest, size: weights.length },
    ])
    for (const bytes of [weights, config]) {
      const wanted = `sha256:${hash(bytes)}` as Digest
      if ((await storage.openBlob(wanted, { keep: true })) !== undefined) continue
      const id = await storage.uploads.create()
      await storage.uploads.append(id, bytesContent(bytes).open())
      await storage.uploads.commit(id, wanted)
    }
    const { name, tag: latest } = parseReference('pushed:latest')
    const wanted = [digest, `sha256:${hash(config)}` as Digest]
    const found = await storage.sizes(wanted)
    assert.deepEqual(
      wanted.filter((one) => !found.has(one)),
      [],
      'what the registry has said to be there is gone before the manifest',
    )
    await storage.putManifest(
      name,
      { mediaType: '', digest: version.digest, bytes: manifest },
      { tags: latest ? [latest] : [] },
    )
  } finally {
    await storage.close()
  }
}

export function assertSucceeded(outcomes: readonly PromiseSettledResult<unknown>[]): void {
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}

/** What another actor has taken away or moved is told as that, and nothing else goes wrong. */
export function assertMissed(error: unknown): void {
  const isTold = ['NOT_FOUND', 'CONFLICT'].some((code) => isBallastError(error, code as 'NOT_FOUND'))
  const isGone = isBallastError(error, 'DAMAGED') && error.message.includes('the store has no blob')
  if (!isTold && !isGone) throw error
}

function assertAdded(
  place: Place,
  outcomes: readonly PromiseSettledResult<unknown>[],
  models: readonly string[],
): void {
  assertSucceeded(outcomes)
  assertThere(
    place,
    models.flatMap((name) => [`${name}:1`, `${name}:latest`]),
  )
}

export function assertThere({ store }: Place, wanted: readonly string[]): void {
  const there = liveReferences(store).map(({ reference }) => reference)
  for (const reference of wanted) assert.ok(there.includes(reference), `${reference} is gone`)
}

/** Every blob of the image has its digest, and the model's bytes are in one of its layers. */
async function assertImage(layout: string, weights: Buffer): Promise<void> {
  const read = (digest: string): Promise<Buffer> =>
    readFile(join(layout, 'blobs', 'sha256', digest.replace('sha256:', '')))
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as {
    manifests: { digest: string; annotations?: Record<string, string> }[]
  }
  const out = index.manifests.find(
    ({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] === 'out',
  )
  assert.ok(out, 'the layout has no image')
  const { layers } = JSON.parse((await read(out.digest)).toString('utf8')) as { layers: { digest: string }[] }
  let holds = false
  for (const { digest } of layers) {
    const bytes = await read(digest)
    assert.equal(`sha256:${hash(bytes)}`, digest)
    holds ||= bytes.includes(weights)
  }
  assert.ok(holds, 'no layer of the image holds the model')
}

function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
