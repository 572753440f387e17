import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BallastError, isBallastError, readAll, verified } from '../../src/core/index.ts'
import { childrenOf, LATEST, parseName } from '../../src/model/index.ts'
import {
  createStoreStorage,
  createTokens,
  oneUser,
  openRepository,
  startRegistry,
} from '../../src/registry/index.ts'
import { openStore } from '../../src/store/index.ts'
import { add } from '../../src/workflows/add.ts'
import { copy } from '../../src/workflows/copy.ts'
import { pull } from '../../src/workflows/pull.ts'
import { push } from '../../src/workflows/push.ts'
import { startDockerRegistry } from '../doubles/docker-registry.ts'
import { type Fault, MOUNT_REFUSALS, type Plan, randomPlan } from '../doubles/faulty-plan.ts'
import { startFaultyServer } from '../doubles/faulty-server.ts'
import { createRandom, type Random } from '../fixtures/random.ts'
import { writeFiles } from '../fixtures/temporary.ts'

export interface TransfersReport {
  /** Those that ended right, and those that ended with an error that says what is wrong. */
  readonly done: number
  readonly failed: number
  /**
   * Of the bytes of pushes that ended right, those that were sent more than once: 0.1 for a tenth. Of those to the embedded
   * registry alone: docker-registry loses what it has of an upload that breaks off.
   */
  readonly sentAgain: number
  /** How often a transfer met what is planned for one kind of request. */
  readonly met: Readonly<Record<'expired' | 'redirect' | 'no-ranges' | 'mount', number>>
}

/** A fault in so many requests, and in so many more of those that one is made for. */
const RATE = 0.08
const OWN_RATE = 0.15
/** Requests for which a new token is good. */
const PAUSE = 12
const LOGIN = { username: 'ann', password: 's3cret' }
const LARGEST = 400_000
const PATIENCE = { patience: { stallMs: 250, commitMs: 1_000 }, retryDelays: [5, 20, 80] }
const LIMIT = 1024 * 1024

interface Scene {
  readonly directory: string
  readonly random: Random
  readonly places: readonly Place[]
}

/** One registry. */
interface Place {
  /** With faults, and without. */
  readonly faulty: string
  readonly plain: string
  readonly uploaded: () => number
  /** Whether an upload that breaks off is gone on with there. */
  readonly resumes: boolean
}

interface Outcome {
  readonly done: boolean
  readonly wanted: number
  readonly sent: number
}

/** What is wrong with one kind of request alone, where it is one; else anything. */
function planOf(random: Random, met: Record<string, number>): Plan {
  const anything = randomPlan(random, RATE)
  const own = (path: string): readonly Fault[] => {
    if (/\?mount=/.test(path)) return MOUNT_REFUSALS.map((status) => ({ kind: 'mount', status }))
    const read: readonly Fault[] = [{ kind: 'redirect' }, { kind: 'no-ranges' }]
    return [{ kind: 'expired' }, ...(/\/blobs\/sha256:/.test(path) ? read : [])]
  }
  let fresh = 0
  return (occasion) => {
    const chosen = random.next() < OWN_RATE ? random.pick(own(occasion.path)) : undefined
    // A token that is at its end as soon as it is given is a refusal, and rightly taken for one.
    const isOver = chosen?.kind === 'expired' && occasion.index < fresh
    const special = isOver ? undefined : chosen
    if (special?.kind === 'expired') fresh = occasion.index + PAUSE
    if (special !== undefined) met[special.kind] = (met[special.kind] ?? 0) + 1
    return special ?? anything(occasion)
  }
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
    const random = createRandom(seed)
    const met = { expired: 0, redirect: 0, 'no-ranges': 0, mount: 0 }
    const after = (end: () => Promise<void>): void => void ends.unshift(end)
    const behind = async (target: string, resumes: boolean): Promise<Place> => {
      const server = await startFaultyServer({ after }, { target, plan: planOf(random, met) })
      after(async () => assert.equal(server.elsewhere.shown, 0, 'another host was shown a login'))
      return { faulty: server.host, plain: target, uploaded: server.uploaded, resumes }
    }
    const own = await startRegistry({
      storage: createStoreStorage(await openStore(join(directory, 'served'))),
      users: oneUser(LOGIN),
      tokens: createTokens(),
    })
    after(() => own.close())
    const docker = await startDockerRegistry()
    if (docker !== undefined) after(() => docker.close())
    const places = [await behind(own.host, true), ...(docker ? [await behind(docker.host, false)] : [])]
    await writeLogins(directory, places)
    const outcomes: Outcome[] = []
    for (let at = 0; at < count; at++) outcomes.push(await transfer({ directory, random, places }, at))
    const pushed = outcomes.filter(({ done, wanted }) => done && wanted > 0)
    const sum = (key: 'wanted' | 'sent'): number => pushed.reduce((total, one) => total + one[key], 0)
    return {
      done: outcomes.filter(({ done }) => done).length,
      failed: outcomes.filter(({ done }) => !done).length,
      sentAgain: pushed.length === 0 ? 0 : sum('sent') / sum('wanted') - 1,
      met,
    }
  } finally {
    for (const end of ends) await end()
  }
}

/** The embedded registry asks for one; the other takes no notice of it. */
async function writeLogins(directory: string, places: readonly Place[]): Promise<void> {
  const auth = Buffer.from(`${LOGIN.username}:${LOGIN.password}`).toString('base64')
  const hosts = places.flatMap(({ faulty, plain }) => [faulty, plain])
  const auths = Object.fromEntries(hosts.map((host) => [host, { auth }]))
  await writeFile(join(directory, 'config.json'), JSON.stringify({ auths }))
}

async function transfer({ directory, random, places }: Scene, at: number): Promise<Outcome> {
  const { faulty, plain, uploaded, resumes } = random.pick([places[0] as Place, ...places])
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
    const wanted =
      kind === 'push' && resumes ? Object.values(files).reduce((total, { length }) => total + length, 0) : 0
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
  const repository = openRepository({ host, name, credentials: LOGIN })
  const manifest = await repository.getManifest(LATEST)
  assert.equal(manifest?.digest, digest)
  for (const blob of childrenOf(manifest?.bytes ?? Buffer.alloc(0))) {
    await readAll(verified(repository.openBlob(blob).open(), blob), LIMIT).catch((error: BallastError) =>
      assert.fail(`${name} is not whole: ${error.message}`),
    )
  }
}

async function assertRightOrAbsent(host: string, name: string, digest: string): Promise<void> {
  const found = await openRepository({ host, name, credentials: LOGIN }).getManifest(LATEST)
  if (found !== undefined) await assertWhole(host, name, digest)
}
