import { type Known, measured, type Quantity } from '../advise/index.ts'
import type { CallOptions, Digest } from '../core/index.ts'
import { modelTimes, updatesPerMonth } from '../embed/index.ts'
import { formatReference, type ModelFile, numberOfTag, type Reference, totalSize } from '../model/index.ts'
import { packFiles } from '../oci/index.ts'
import { scanLocalFiles } from '../sources/index.ts'
import { type Store, unlessGone } from '../store/index.ts'
import type { ImageAccess } from './image-places.ts'
import { findVersion } from './resolve.ts'
import { seeVersion } from './seen-version.ts'

/** A version as it once was the newest. Milliseconds since 1970, bytes. */
export interface Grown {
  readonly time: number
  readonly bytes: number
}

export interface ModelFacts {
  readonly subject: string
  /** Of a model of the store. */
  readonly name?: string | undefined
  readonly known: Known
  /** The size that it once began with, then those of the last updates, oldest first; empty for a directory. */
  readonly growth: readonly Grown[]
}

/** A directory or file that is in no store yet. Throws what reading it does. */
export async function factsOfFiles(path: string): Promise<ModelFacts> {
  const { files } = await scanLocalFiles([path])
  const bytes = files.reduce((sum, { size }) => sum + size, 0)
  return { subject: path, known: { modelBytes: measured(bytes, path) }, growth: [] }
}

/** A model that is elsewhere: its size, and nothing of its history. Throws what `seeVersion` throws. */
export async function factsOfRemote(
  store: Store,
  { ref, access }: { readonly ref: string; readonly access: ImageAccess },
  options: CallOptions = {},
): Promise<ModelFacts> {
  const { ref: subject, files } = await seeVersion(store, { ref, access }, options)
  return { subject, known: { modelBytes: measured(totalSize(files), subject) }, growth: [] }
}

/** Versions that are looked at for what an update changes. */
const COMPARED = 10

/** A model of the store: its size, how often its tag moves and what a move changes. Throws what resolving does. */
export async function factsOfModel(store: Store, ref: string, now: number = Date.now()): Promise<ModelFacts> {
  const { reference, version } = await findVersion(store, ref)
  const subject = formatReference(reference)
  const rate = rateOf(await modelTimes(store, reference), now)
  const { oldest, newest } = await pastOf(store, reference)
  const growth = [...oldest, ...newest].map(({ time, files }) => ({ time, bytes: totalSize(files) }))
  return {
    subject,
    name: reference.name,
    known: {
      modelBytes: measured(totalSize(version.files), subject),
      ...(rate && { modelUpdates: rate }),
      ...changesOf(newest.map(({ files }) => files)),
    },
    growth,
  }
}

/** Few events say little: within one and a half times the square root of their number lie seven of eight such months. */
const DEVIATIONS = 1.5

/** How often something has happened, in a month; undefined without a week of history. */
export function rateOf(times: readonly number[], now: number): Quantity | undefined {
  const value = updatesPerMonth(times, now)
  if (value === undefined) return undefined
  const count = Math.max(0, new Set(times).size - 1)
  const spread = count === 0 ? 0 : (DEVIATIONS * value) / Math.sqrt(count)
  return {
    value,
    low: Math.max(0, value - spread),
    high: value + spread,
    origin: 'measured',
    from: `${count} since ${new Date(Math.min(...times)).toISOString().slice(0, 10)}`,
  }
}

interface Past {
  readonly time: number
  readonly files: readonly ModelFile[]
}

/**
 * What the tag pointed to one after another; of a number, the versions. What is damaged or gone is left out. Of
 * thousands of versions only those are read that something is told by.
 */
async function pastOf(
  store: Store,
  { name, tag }: Reference,
): Promise<{ readonly oldest: readonly Past[]; readonly newest: readonly Past[] }> {
  const byNumber = tag === undefined || numberOfTag(tag) !== undefined
  const moves = byNumber
    ? (await store.records.listVersions(name)).map(({ digest, time }) => ({ digest, time }))
    : (await store.records.history(name, tag)).map(({ record: { digest, time } }) => ({ digest, time }))
  const older = moves.slice(0, -COMPARED - 1)
  return {
    oldest: await readPast(store, older, 1),
    newest: await readPast(store, moves.slice(older.length), COMPARED + 1),
  }
}

/** The first so many that can be read. */
async function readPast(
  store: Store,
  moves: readonly { readonly digest: Digest | null; readonly time: string }[],
  most: number,
): Promise<readonly Past[]> {
  const past: Past[] = []
  for (const { digest, time } of moves) {
    if (past.length === most) break
    if (digest === null) continue
    const files = (await store.readVersion(digest).catch(unlessGone))?.files
    if (files !== undefined) past.push({ time: Date.parse(time), files })
  }
  return past
}

function changesOf(versions: readonly (readonly ModelFile[])[]): Known {
  const pairs = versions.slice(1).map((files, index) => ({ before: versions[index] ?? [], files }))
  if (pairs.length === 0) return {}
  return {
    changedShare: spreadOf(pairs.map(changedShare)),
    sentShare: spreadOf(pairs.map(sentShare)),
    pulledShare: spreadOf(pairs.map(pulledShare)),
  }
}

function spreadOf(shares: readonly number[]): Quantity {
  const value = shares.reduce((sum, share) => sum + share, 0) / shares.length
  return {
    value,
    low: Math.min(...shares),
    high: Math.max(...shares),
    origin: 'measured',
    from: `the last ${shares.length === 1 ? 'update' : `${shares.length} updates`}`,
  }
}

interface Pair {
  readonly before: readonly ModelFile[]
  readonly files: readonly ModelFile[]
}

function changedShare({ before, files }: Pair): number {
  const had = new Set(before.map(({ digest }) => digest))
  const total = totalSize(files)
  return total === 0 ? 0 : totalSize(files.filter(({ digest }) => !had.has(digest))) / total
}

/** Of a registry, which tells layers by their digests. */
function sentShare({ before, files }: Pair): number {
  const contents = (layer: readonly ModelFile[]): string =>
    layer.map(({ path, digest }) => `${digest} ${path}`).join('\n')
  const former = new Set(packFiles(before).map(contents))
  const sent = packFiles(files).filter((layer) => !former.has(contents(layer)))
  const total = totalSize(files)
  return total === 0 ? 0 : totalSize(sent.flat()) / total
}

/** Of a node that tells layers by what is below them: from the first layer that is another on. */
function pulledShare({ before, files }: Pair): number {
  const layers = packFiles(files)
  const contents = (layer: readonly ModelFile[] = []): string =>
    layer.map(({ path, digest }) => `${digest} ${path}`).join('\n')
  const former = packFiles(before).map(contents)
  const first = layers.findIndex((layer, index) => contents(layer) !== former[index])
  const total = totalSize(files)
  return first < 0 || total === 0 ? 0 : totalSize(layers.slice(first).flat()) / total
}
