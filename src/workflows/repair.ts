import { type CallOptions, type Digest, explainSystemError, isBallastError, isDigest } from '../core/index.ts'
import { fetchBlob } from '../fetch/index.ts'
import {
  type Descriptor,
  FILE_PATH,
  followedFrom,
  isRemote,
  LARGEST_MANIFEST,
  parseReference,
  type Reference,
} from '../model/index.ts'
import { type Problem, type Session, type Store, unlessGone } from '../store/index.ts'
import { readLineages } from './lineage.ts'
import { projectTags } from './project.ts'
import {
  type Lost,
  openPlace,
  type RepairAccess,
  type RepairPlace,
  type Tried,
  triedInVain,
} from './repair-places.ts'
import { type MendableProblem, type VerifyResult, verify } from './upkeep.ts'

export interface Mended extends Problem {
  /** Where it was had from. */
  readonly from: string
  readonly bytes: number
}

export interface UnmendedProblem extends MendableProblem {
  readonly tried: readonly Tried[]
}

export interface RepairResult extends VerifyResult {
  readonly mended: readonly Mended[]
  readonly problems: readonly UnmendedProblem[]
}

export interface RepairRequest {
  /** Asked first: remotes, or directories that hold the same files. */
  readonly from: readonly string[]
  readonly access: RepairAccess
}

/**
 * `verify`, and what is damaged or missing and needed is had again from a remote that has it: those that are named, then where the
 * versions came from and were pushed to. Whatever comes is held against its digest. Nothing else changes. Throws what opening a
 * place that is named throws.
 */
export async function repair(
  store: Store,
  { from, access }: RepairRequest,
  options: CallOptions = {},
): Promise<RepairResult> {
  const report = await verify(store, options)
  const wanted = report.problems.filter(({ neededBy }) => neededBy.length > 0)
  if (wanted.length === 0) return { ...report, mended: [], problems: report.problems.map(untried) }
  const places = createPlaces(access)
  try {
    // A slip in what the user named is no reason to look elsewhere.
    for (const address of from) await places.open(address)
    await using session = await store.begin()
    const mended: Mended[] = []
    const left: UnmendedProblem[] = []
    const queue: MendableProblem[] = [...wanted]
    const known = new Set(queue.map(({ digest }) => digest))
    for (let problem = queue.shift(); problem !== undefined; problem = queue.shift()) {
      const found = await mend(store, { session, problem, from, places }, options)
      if ('tried' in found) {
        left.push({ ...problem, tried: found.tried })
        continue
      }
      mended.push({ kind: problem.kind, digest: problem.digest, neededBy: problem.neededBy, ...found })
      for (const digest of found.bytes > LARGEST_MANIFEST ? [] : await missingBelow(store, problem.digest)) {
        // Nobody could tell that it is needed while the manifest was not there.
        const kind = report.problems.find((found) => found.digest === digest)?.kind ?? 'missing'
        if (!known.has(digest)) queue.push({ ...problem, kind, digest })
        known.add(digest)
      }
    }
    const unneeded = report.problems.filter(({ digest }) => !known.has(digest)).map(untried)
    const warnings = (await store.isProjected()) ? [] : await projectTags(store, session, { anew: true })
    return {
      ...report,
      mended,
      problems: [...left, ...unneeded],
      warnings: [...report.warnings, ...warnings],
    }
  } finally {
    await places.close()
  }
}

function untried(problem: MendableProblem): UnmendedProblem {
  return { ...problem, tried: [] }
}

interface Places {
  /** Each is opened once; one that could not be is not tried again. */
  open(address: string): Promise<RepairPlace>
  close(): Promise<void>
}

function createPlaces(access: RepairAccess): Places {
  const opened = new Map<string, Promise<RepairPlace>>()
  return {
    open(address) {
      const place = opened.get(address) ?? openPlace(address, access)
      opened.set(address, place)
      return place
    },
    async close() {
      for (const place of opened.values()) {
        await place.then(
          ({ close }) => close(),
          () => undefined,
        )
      }
    },
  }
}

interface Mending {
  readonly session: Session
  readonly problem: Problem
  readonly from: readonly string[]
  readonly places: Places
}

async function mend(
  store: Store,
  { session, problem, from, places }: Mending,
  options: CallOptions,
): Promise<Pick<Mended, 'from' | 'bytes'> | { readonly tried: readonly Tried[] }> {
  const references = problem.neededBy.map((needer) => parseReference(needer.split(' ')[0] ?? needer))
  const lost = await describe(store, problem.digest, references)
  const tried: Tried[] = []
  const addresses = new Set([...from, ...(await originsOf(store, references))])
  for (const address of addresses) {
    try {
      const place = await places.open(address)
      const content = await place.find(lost, options)
      if (content === undefined) {
        tried.push(triedInVain(place.name, undefined))
        continue
      }
      const { digest } = lost
      const item = lost.path ?? digest
      // Where it was is of no use the next time: by its digest it is the same wherever it comes from.
      const { size } = await fetchBlob(
        { store, session },
        { item, content, identity: digest, digest },
        { ...options, retryDelays: BRIEFLY },
      )
      return { from: place.name, bytes: size }
    } catch (thrown) {
      const error = explainSystemError(thrown)
      if (!isBallastError(error) || error.code === 'INTERRUPTED' || error.code === 'DISK') throw error
      tried.push(triedInVain(address, error))
    }
  }
  return { tried }
}

/** There are other places. */
const BRIEFLY = [250, 1_000]

/** What is known of a blob by the manifest that names it. */
async function describe(store: Store, digest: Digest, references: readonly Reference[]): Promise<Lost> {
  for (const reference of references) {
    const root = await store.records.resolve(reference)
    if (root === undefined || root === digest) continue
    const attached = (await store.listReferrers(reference.name)).filter(({ subject }) => subject === root)
    for (const from of [root, ...attached.map((referrer) => referrer.digest)]) {
      const found = await descriptorBelow(store, from, digest)
      if (found !== undefined) return { digest, size: found.size, path: found.annotations?.[FILE_PATH] }
    }
  }
  return { digest, size: undefined, path: undefined }
}

/** An index in an index in an index is nobody's. */
const DEEPEST = 3

async function descriptorBelow(
  store: Store,
  root: Digest,
  digest: Digest,
  depth = 0,
): Promise<Descriptor | undefined> {
  const bytes = await store.readManifest(root).catch(unlessGone)
  if (bytes === undefined) return undefined
  const children = followedFrom(bytes)
  const found = children.find((child) => child.digest === digest)
  if (found !== undefined || depth === DEEPEST) return found as Descriptor | undefined
  for (const child of children) {
    if (!/manifest|index/.test(child.mediaType ?? '')) continue
    const below = await descriptorBelow(store, child.digest as Digest, digest, depth + 1)
    if (below !== undefined) return below
  }
  return undefined
}

/** Where versions came from, as far as something can be had from there by its digest, and where they were pushed. */
async function originsOf(store: Store, references: readonly Reference[]): Promise<readonly string[]> {
  const origins = new Set<string>()
  const uses = await store.uses.list()
  for (const reference of references) {
    const { name } = reference
    const digest = await store.records.resolve(reference)
    if (digest === undefined) continue
    const version = (await store.records.listVersions(name)).find((one) => one.digest === digest)
    const lineages = await (await readLineages(store, name))(digest)
    for (const from of [version?.from, ...lineages.map((lineage) => lineage.from)]) {
      if (from !== undefined && isAddress(from)) origins.add(from)
    }
    for (const { kind, model, place } of uses) if (kind === 'remote' && model === name) origins.add(place)
  }
  return [...origins]
}

/** `from` is for people: several directories, or a container, may stand there. */
function isAddress(from: string): boolean {
  return isRemote(from) || /^[a-z0-9]+:\/\/\S+$/.test(from) || from.startsWith('/')
}

/** Images' layers are made when they are read. */
async function missingBelow(store: Store, digest: Digest): Promise<readonly Digest[]> {
  const bytes = await store.readManifest(digest).catch(unlessGone)
  const missing: Digest[] = []
  for (const child of bytes === undefined ? [] : followedFrom(bytes)) {
    if (!isDigest(child.digest) || (await store.blobs.stat(child.digest)) !== undefined) continue
    if ((await store.derived.get(child.digest)) === undefined) missing.push(child.digest)
  }
  return missing
}
