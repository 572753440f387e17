import { type Json, objectOf } from './json.ts'

/** What the tool that trained a model, or kept track of it, tells of how it came about. */
export interface Training {
  readonly tool: 'mlflow'
  /** Its ids of the run and of the model. */
  readonly run?: string | undefined
  readonly model?: string | undefined
  /** In what forms the model was saved: `sklearn`, `python_function`. */
  readonly flavors: readonly string[]
  /** ISO 8601. */
  readonly created?: string | undefined
  /** Of the source code. */
  readonly commit?: string | undefined
  readonly params?: Readonly<Record<string, string>> | undefined
}

/** Undefined for anything else. */
export function decodeTraining(value: unknown): Training | undefined {
  const { tool, run, model, flavors, created, commit, params } = objectOf(value)
  if (tool !== 'mlflow' || !Array.isArray(flavors)) return undefined
  return {
    tool,
    flavors: flavors.filter((flavor) => typeof flavor === 'string'),
    ...textsOf({ run, model, created, commit }),
    ...(params !== undefined && { params: textsOf(objectOf(params)) as Readonly<Record<string, string>> }),
  }
}

/** What the file `MLmodel` of MLflow says of the model beside it; undefined for a file of something else. */
export function trainingOfMlmodel(value: unknown): Training | undefined {
  const { flavors, run_id: run, model_uuid: model, utc_time_created: created } = objectOf(value)
  const names = Object.keys(objectOf(flavors))
  if (names.length === 0) return undefined
  return { tool: 'mlflow', flavors: names, ...textsOf({ run, model, created: momentOf(created) }) }
}

/** `2026-11-26 14:49:10.951959`, which is UTC; undefined for what is no moment. */
function momentOf(text: unknown): string | undefined {
  const [, day, time] =
    /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)/.exec(typeof text === 'string' ? text : '') ?? []
  const moment = new Date(`${day}T${time}Z`)
  return Number.isNaN(moment.getTime()) ? undefined : moment.toISOString()
}

/** A figure of a file of metrics as MLflow keeps them, at a moment in milliseconds since 1970. */
export interface TrackedFigure {
  readonly value: number
  readonly time: number
}

/**
 * The last one of the lines `TIME VALUE STEP …`: that of the highest step, and of these the latest. Undefined for none that
 * is a number of JSON.
 */
export function lastTracked(lines: string): TrackedFigure | undefined {
  const all = lines.split('\n').flatMap((line) => {
    const [time = '', value = '', step = '0'] = line.trim().split(' ')
    const found = { time: Number(time), value: Number(value), step: Number(step) }
    const isSound = time !== '' && value !== '' && Object.values(found).every(Number.isFinite)
    return isSound ? [found] : []
  })
  const last = all.sort((a, b) => a.step - b.step || a.time - b.time).at(-1)
  return last && { value: last.value, time: last.time }
}

function textsOf<K extends string>(
  values: { readonly [key in K]?: unknown },
): { readonly [key in K]?: string } {
  const texts = Object.entries(values as Json).filter(([, value]) => typeof value === 'string')
  return Object.fromEntries(texts) as { readonly [key in K]?: string }
}
