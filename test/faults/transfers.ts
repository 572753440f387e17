import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BallastError, isBallastError, readAll, verified } from '../../src/core/index.ts'
import { childrenOf, LATEST, parseName } from '../../src/model/index.ts'
import { createStoreStorage, openRepository, startRegistry } from '../../src/registry/index.ts'
import { openStore } from '../../src/store/index.ts'
import { add } from '../../src/workflows/add.ts'
import { copy } from '../../src/workflows/copy.ts'
import { pull } from '../../src/workflows/pull.ts'
import { push } from '../../src/workflows/push.ts'
import { type Plan, randomPlan } from '../doubles/faulty-plan.ts'
import { startFaultyServer } from '../doubles/faulty-server.ts'
import { createRandom, type Random } from '../fixtures/random.ts'
import { writeFiles } from '../fixtures/temporary.ts'

export interface TransfersReport {
  /** Those that ended right, and those that ended with an error that says what is wrong. */
  readonly done: number
  readonly failed: number
  /** Of the bytes of pushes that ended right, those that were sent more than once: 0.1 for a tenth. */
  readonly sentAgain: number
}

/** A fault in so many requests. */
const RATE = 0.08
const LARGEST = 400_000
const PATIENCE = { patience: { stallMs: 250, commitMs: 1_000 }, retryDelays: [5, 20, 80] }
const LIMIT = 1024 * 1024

interface Scene {
  readonly directory: string
  readonly random: Random
  /** The registry with faults, and without. */
  readonly faulty: string
  readonly plain: string
  readonly uploaded: () => number
}

interface Outcome {
  readonly done: boolean
  readonly wanted: number
  readonly sent: number
}

/**
 * Pushes, pulls and copies through a proxy that breaks, changes, delays and refuses what it likes. Each has to end right, or with
 * an error in words, and what can be found afterwards is always what was pushed. Throws where it is not.
 */
export async function transferUnderFaults({
  count,
  seed,
}: {
  readonly count: number
  readonly seed: string
}): Promise<TransfersReport> {
  const directory = await mkdtemp(join(tmpdir(), 'ballast-transfers-'))
  const ends: (() => Promise<void>)[] = [() => rm(directory, { recursive: true, force: true })]
  try {
    const registry = await startRegistry({
      storage: createStoreStorage(await openStore(join(directory, 'served'))),
    })
    ends.unshift(() => registry.close())
    const random = createRandom(seed)
    const plan: Plan = randomPlan(random, RATE)
    const server = await startFaultyServer(
      { after: (end) => ends.unshift(end) },
      { target: registry.host, plan },
    )
    const scene = { directory, random, faulty: server.host, plain: registry.host, uploaded: server.uploaded }
    const outcomes: Outcome[] = []
    for (let at = 0; at < count; at++) outcomes.push(await transfer(scene, at))
    const pushed = outcomes.filter(({ done, wanted }) => done && wanted > 0)
    const sum = (key: 'wanted' | 'sent'): number => pushed.reduce((total, one) => total + one[key], 0)
    return {
      done: outcomes.filter(({ done }) => done).length,
      failed: outcomes.filter(({ done }) => !done).length,
      sentAgain: sum('sent') / Math.max(1, sum('wanted')) - 1,
    }
  } finally {
    for (const end of ends) await end()
  }
}

async function transfer(scene: Scene, at: number): Promise<Outcome> {
  const { directory, random, faulty, plain, uploaded } = scene
  const name = `model-${at}`
  const files = { 'a.bin': random.bytes(random.below(LARGEST)), 'b/c.txt': random.bytes(random.below(3_000)) }
  const model = join(directory, name)
  await writeFiles(model, files)
  const store = await openStore(join(directory, `store-${at}`))
  const { digest } = await add(store, { name, sources: [model] })
  const access = { dockerConfig: directory, patience: PATIENCE }
  const kind = random.pick(['push', 'push', 'pull', 'pull', 'copy'] as const)
  const before = uploaded()
  const work = async (): Promise<void> => {
    if (kind === 'push') {
      await push(store, { ref: name, remote: `${faulty}/${name}`, access })
      await assertWhole(plain, name, digest)
      return
    }
    await push(store, { ref: name, remote: `${plain}/${name}`, access })
    if (kind === 'copy') {
      await copy({ from: `${faulty}/${name}`, to: `${faulty}/copy-${at}`, access })
      return assertWhole(plain, `copy-${at}`, digest)
    }
    const other = await openStore(join(directory, `other-${at}`))
    const pulled = await pull(other, { remote: `${faulty}/${name}`, name, access })
    assert.equal(pulled.digest, digest)
    assert.deepEqual((await other.verify()).problems, [])
  }
  try {
    await work()
    const wanted = kind === 'push' ? Object.values(files).reduce((total, { length }) => total + length, 0) : 0
    return { done: true, wanted, sent: uploaded() - before }
  } catch (error) {
    if (!isBallastError(error)) throw error
    assert.match(error.message, /\S/)
    await assertRightOrAbsent(plain, name, digest)
    const other = await openStore(join(directory, `other-${at}`))
    for (const version of await other.records.listVersions(parseName(name)))
      assert.equal(version.digest, digest)
    return { done: false, wanted: 0, sent: 0 }
  } finally {
    for (const used of [model, join(directory, `store-${at}`), join(directory, `other-${at}`)]) {
      await rm(used, { recursive: true, force: true })
    }
  }
}

async function assertWhole(host: string, name: string, digest: string): Promise<void> {
  const repository = openRepository({ host, name })
  const manifest = await repository.getManifest(LATEST)
  assert.equal(manifest?.digest, digest)
  for (const blob of childrenOf(manifest?.bytes ?? Buffer.alloc(0))) {
    await readAll(verified(repository.openBlob(blob).open(), blob), LIMIT).catch((error: BallastError) =>
      assert.fail(`${name} is not whole: ${error.message}`),
    )
  }
}

async function assertRightOrAbsent(host: string, name: string, digest: string): Promise<void> {
  const found = await openRepository({ host, name }).getManifest(LATEST)
  if (found !== undefined) await assertWhole(host, name, digest)
}
