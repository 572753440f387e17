import { BallastError, type Digest, readIfPresent } from '../core/index.ts'
import {
  decodeMetrics,
  type EvaluationRun,
  encodeMetrics,
  type Json,
  LARGEST_METRICS,
  latestFigures,
  type Metrics,
  MODEL_METRICS,
  parseMetrics,
  type RepositoryName,
} from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { attach, type ReadOptions, readAttachments } from './attachments.ts'
import { findLeased } from './resolve.ts'

export interface AttachedMetrics {
  readonly ref: string
  readonly digest: Digest
}

/**
 * Attaches what one evaluation measured to the versions that were evaluated; they stay what they are, and earlier metrics
 * stay. `by` is who says so, for people. Nothing is attached unless all of them are there. Throws what `findVersion` throws.
 */
export async function attachMetrics(
  store: Store,
  {
    measured,
    by,
    run,
  }: {
    readonly measured: readonly { readonly ref: string; readonly metrics: Json }[]
    readonly by: string
    readonly run?: EvaluationRun
  },
): Promise<readonly AttachedMetrics[]> {
  await using session = await store.begin()
  const found: (AttachedMetrics & { readonly name: RepositoryName; readonly metrics: Json })[] = []
  for (const { ref, metrics } of measured) {
    const { version, number, reference } = await findLeased(store, session, ref)
    const { digest } = version
    const { name } = reference
    found.push({ ref: `${name}:${number}`, digest, name, metrics })
  }
  const time = new Date().toISOString()
  for (const { ref, digest, name, metrics } of found) {
    const beside = found.map((other) => other.ref).filter((other) => other !== ref)
    const data = encodeMetrics({ time, by, beside, run, metrics })
    await attach(store, session, { name, subject: digest, type: MODEL_METRICS, data })
  }
  await store.project(session)
  return found.map(({ ref, digest }) => ({ ref, digest }))
}

/** The same with a file of one JSON object. Throws NOT_FOUND, and USAGE for a file of anything else. */
export async function attachMetricsFile(
  store: Store,
  { ref, file }: { readonly ref: string; readonly file: string },
): Promise<AttachedMetrics> {
  const measured = [{ ref, metrics: await readMetricsFile(file) }]
  const [attached] = await attachMetrics(store, { measured, by: 'attach' })
  return attached as AttachedMetrics
}

/** Throws NOT_FOUND, and USAGE for a file of anything else than one JSON object. */
export async function readMetricsFile(file: string): Promise<Json> {
  const bytes = await readIfPresent(file)
  if (bytes !== undefined) return parseMetrics(bytes, file)
  throw new BallastError('NOT_FOUND', `${file}: no such file`, { hint: 'name the file with the metrics' })
}

/** What was measured of the versions of a model, of each the oldest first. */
export async function readMetrics(
  store: Store,
  name: RepositoryName,
  options: ReadOptions = {},
): Promise<(version: Digest) => Promise<readonly Metrics[]>> {
  const wanted = { name, type: MODEL_METRICS, largest: LARGEST_METRICS }
  const attached = await readAttachments(store, wanted, options)
  return async (version) =>
    (await attached(version))
      .map(decodeMetrics)
      .filter((metrics) => metrics !== undefined)
      .sort((a, b) => a.time.localeCompare(b.time))
}

/** A figure of two versions; undefined where one of them has not got it. */
export interface FigureChange {
  readonly name: string
  readonly before: number | undefined
  readonly after: number | undefined
}

/** The figures of both, each as it was measured last. */
export function compareMetrics(
  before: readonly Metrics[],
  after: readonly Metrics[],
): readonly FigureChange[] {
  const [a, b] = [latestFigures(before), latestFigures(after)]
  return [...new Set([...a.keys(), ...b.keys()])].map((name) => ({
    name,
    before: a.get(name),
    after: b.get(name),
  }))
}
