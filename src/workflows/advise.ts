import {
  type Advice,
  type Answers,
  adviseFor,
  calibrate,
  type Flags,
  type Known,
  type Question,
  questionsOf,
  type Rates,
  type Trend,
  trendOf,
} from '../advise/index.ts'
import { BallastError, type CallOptions, isBallastError } from '../core/index.ts'
import { type App, isRemote, parseOperand } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { adviceRead } from './advice-changed.ts'
import { factsOfImage } from './advise-image.ts'
import { factsOfFiles, factsOfModel, factsOfRemote, type ModelFacts } from './advise-model.ts'
import type { ImageAccess } from './image-places.ts'
import type { Measured } from './measure.ts'
import { splitModelPath } from './model-path.ts'
import { readAppFile, requireApp } from './read-app-file.ts'
import { readTimes } from './run-times.ts'

export interface AdviseRequest {
  /** `REF`, `REF=PATH`, of the store or elsewhere, or a directory or file; undefined where an application or flags say it. */
  readonly subject?: string | undefined
  /** A name in `ballast.yaml`. */
  readonly app?: string | undefined
  readonly image?: string | undefined
  readonly flags: Flags
  /** Where `ballast.yaml` is looked for. */
  readonly directory: string
  readonly access: ImageAccess
  /** To time the steps on this machine, for at most so many seconds. */
  readonly measure?: { readonly seconds: number; readonly registry: string | undefined } | undefined
}

export interface Advised {
  readonly advice: Omit<Advice, 'notes'>
  /** About production, or the one environment that was asked about. */
  readonly trend: Trend | undefined
  /** Steps of the image that copy the model. */
  readonly copies: readonly string[]
  readonly warnings: readonly string[]
}

/**
 * Which strategy fits, from what is there and what is said. Throws USAGE for flags that make no sense, and what reading
 * model and image throws.
 */
export async function advise(
  store: Store,
  request: AdviseRequest,
  options: CallOptions = {},
): Promise<Advised> {
  const app = await appOf(request)
  const { ref, path } = subjectOf(request, app)
  const model = await modelFacts(store, { ref, access: request.access }, options)
  const said = questionless(request.flags)
  const image = request.image ?? app?.image
  const warnings: string[] = []
  const modelBytes = model?.known.modelBytes?.value
  const facts = { image: image ?? '', access: request.access, modelBytes, path }
  const ofImage =
    image === undefined
      ? undefined
      : await factsOfImage(facts, options).catch((error: unknown) => {
          // One that only ballast.yaml names may not be built yet.
          if (request.image !== undefined || !isBallastError(error)) throw error
          warnings.push(`${error.message}: what the image is like is assumed`)
          return undefined
        })
  const times = await timesHere(store, request, options)
  const known: Known = { ...times.known, ...model?.known, ...ofImage?.known }
  const questions = questionsOf(request.flags, { known, answers: answersOf(app), rates: times.rates })
  const main = questions.at(-1) as Question
  if (model !== undefined && main.answers.environment === 'production') await adviceRead(store, model)
  return {
    advice: {
      subject: model?.subject ?? said,
      image: image ?? null,
      environments: questions.map(adviseFor),
    },
    trend: trendOf(main, model?.growth ?? []),
    copies: ofImage?.copies ?? [],
    warnings: [...warnings, ...times.notes],
  }
}

async function appOf({ app, subject, flags, directory }: AdviseRequest): Promise<App | undefined> {
  if (app !== undefined) return (await requireApp(directory, app)).app
  if (subject !== undefined || flags.size !== undefined) return undefined
  const apps = (await readAppFile(directory))?.apps ?? []
  if (apps.length <= 1) return apps[0]
  throw new BallastError('USAGE', 'which application is it about?', {
    hint: `name one: ${apps.map(({ name }) => `ballast advise --app ${name}`).join(', ')}`,
  })
}

function subjectOf(
  { subject, directory: _ }: AdviseRequest,
  app: App | undefined,
): { readonly ref: string | undefined; readonly path: string | undefined } {
  if (subject !== undefined) {
    const { ref, path } = splitModelPath(subject)
    return { ref, path: path ?? app?.models.find((model) => model.ref === ref)?.path }
  }
  if (app === undefined) return { ref: undefined, path: undefined }
  const [model, ...others] = app.models
  if (others.length === 0) return { ref: model?.ref, path: model?.path }
  throw new BallastError('USAGE', `${app.name} uses ${app.models.length} models`, {
    hint: `name the one that it is about: ballast advise ${model?.ref} --app ${app.name}`,
  })
}

async function modelFacts(
  store: Store,
  { ref, access }: { readonly ref: string | undefined; readonly access: ImageAccess },
  options: CallOptions,
): Promise<ModelFacts | undefined> {
  if (ref === undefined) return undefined
  if (isRemote(ref)) return factsOfRemote(store, { ref, access }, options)
  return parseOperand(ref).kind === 'path' ? factsOfFiles(ref) : factsOfModel(store, ref)
}

interface Times {
  readonly known: Known
  readonly rates: Rates | undefined
  readonly notes: readonly string[]
}

/** Real runs count before runs that were made to be timed. */
async function timesHere(
  store: Store,
  { measure, access, directory }: AdviseRequest,
  options: CallOptions,
): Promise<Times> {
  const seen = await readTimes(store)
  const { observations, notes } = await measured(store, { measure, access, directory }, options)
  const all = [
    ...seen,
    ...observations.filter(({ step }) => !seen.some((one) => one.step === step && one.overNetwork !== true)),
  ]
  if (all.length === 0) return { known: {}, rates: undefined, notes }
  const { rates, machine, uplinkPerByte, linkPerByte } = calibrate(all)
  return {
    known: { machine, ...(uplinkPerByte && { uplinkPerByte }), ...(linkPerByte && { linkPerByte }) },
    rates,
    notes,
  }
}

async function measured(
  store: Store,
  { measure, access, directory }: Pick<AdviseRequest, 'measure' | 'access' | 'directory'>,
  options: CallOptions,
): Promise<Measured> {
  if (measure === undefined) return { observations: [], notes: [] }
  const { measureHere } = await import('./measure.ts')
  return measureHere({ store, access, directory, ...measure }, options)
}

function questionless({ size }: Flags): string {
  return size === undefined ? 'a model' : `a model of ${size}`
}

/** An application that says how it is told of a new model takes it without a restart. */
function answersOf(app: App | undefined): Partial<Answers> {
  return app?.reload === undefined || app.reload.restart === true ? {} : { reload: true }
}
