import { BallastError } from '../core/index.ts'
import { type Json, objectOf, parseJson } from './json.ts'

/** The type of a document with what an evaluation measured of a version. It is attached to it, and no part of its identity. */
export const MODEL_METRICS = 'application/vnd.ballast.model.metrics.v1+json'
/** In bytes. */
export const LARGEST_METRICS = 1024 * 1024

/** Whose metrics they are that a model's card tells: what its author claims of it, measured by nobody here. */
export const MODEL_CARD = 'README.md'

/** Where an evaluation ran. */
export interface EvaluationRun {
  /** As it was named, and its id. */
  readonly image: string
  readonly imageId: string
  /** What stood behind the image, without secrets; none where it ran what it runs by itself. */
  readonly command: readonly string[]
}

/** What one evaluation measured of a version. */
export interface Metrics {
  /** ISO 8601. */
  readonly time: string
  /** The verb, or who else attached it. */
  readonly by: string
  /** Versions that were evaluated in the same run: `sentiment:3`. */
  readonly beside: readonly string[]
  /** Of one that `run` has seen. */
  readonly run?: EvaluationRun | undefined
  /** As they were written: any JSON. */
  readonly metrics: Json
}

/** Throws USAGE for what is no JSON object, or a too large one. `what` names it in the message. */
export function parseMetrics(bytes: Uint8Array, what: string): Json {
  const metrics = bytes.length > LARGEST_METRICS / 2 ? undefined : parseJson(bytes)
  if (metrics !== undefined) return metrics
  throw new BallastError('USAGE', `${what} holds no metrics`, {
    hint: 'metrics are one JSON object of at most 512 KiB, as {"accuracy": 0.93}; NaN and Infinity are not JSON',
  })
}

export function encodeMetrics({ time, by, beside, run, metrics }: Metrics): Buffer {
  return Buffer.from(JSON.stringify({ time, by, beside, run, metrics }))
}

/** Undefined for anything else. */
export function decodeMetrics(bytes: Uint8Array): Metrics | undefined {
  const { time, by, beside, run, metrics } = parseJson(bytes) ?? {}
  if (typeof time !== 'string' || typeof by !== 'string' || !isListOfText(beside)) return undefined
  return { time, by, beside, run: decodeRun(run), metrics: objectOf(metrics) }
}

function decodeRun(value: unknown): EvaluationRun | undefined {
  const { image, imageId, command } = objectOf(value)
  if (typeof image !== 'string' || typeof imageId !== 'string' || !isListOfText(command)) return undefined
  return { image, imageId, command }
}

function isListOfText(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string')
}

/** The numbers in it by their paths, `eval.accuracy`, in the order in which they stand there. Lists are left out. */
export function figuresOf(metrics: Json): ReadonlyMap<string, number> {
  const figures = new Map<string, number>()
  const visit = (value: Json, prefix: string): void => {
    for (const [key, inner] of Object.entries(value)) {
      if (typeof inner === 'number') figures.set(`${prefix}${key}`, inner)
      else visit(objectOf(inner), `${prefix}${key}.`)
    }
  }
  visit(metrics, '')
  return figures
}

/** Each figure as it was measured last; the oldest metrics come first. */
export function latestFigures(all: readonly Metrics[]): ReadonlyMap<string, number> {
  return new Map(all.flatMap(({ metrics }) => [...figuresOf(metrics)]))
}
