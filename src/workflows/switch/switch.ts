import { join, resolve } from 'node:path'
import { BallastError, digestOf, isBallastError, shortDigest, withLock } from '../../core/index.ts'
import type { Engine } from '../../docker/index.ts'
import { APP_FILE } from '../../model/index.ts'
import { commandsOf, readyOf } from '../../reload/index.ts'
import type { Store } from '../../store/index.ts'
import { requireAllowedCommands } from '../allowed-commands.ts'
import { withEngine } from '../engine-access.ts'
import { isEngineImage } from '../engine-operands.ts'
import { requireApp } from '../read-app-file.ts'
import { engineOf } from '../run-request.ts'
import type { ReplicaWithForm } from './bring.ts'
import { type ComposeAdvice, composeAdvice, leftToCompose } from './compose.ts'
import { switchElsewhere } from './elsewhere.ts'
import { lookAtDeployed } from './elsewhere-look.ts'
import { isSwitched, planElsewhere } from './elsewhere-plan.ts'
import { formOf } from './forms.ts'
import { switchContainers } from './on-engine.ts'
import { planOnEngine, type SwitchPlan, toBeMoved } from './plan.ts'
import { recordFor, writeRecord } from './record.ts'
import { isHalfDone, recover } from './recover.ts'
import { findReplicas } from './replicas.ts'
import type { Declared, EngineWork, SwitchOptions, SwitchRequest } from './request.ts'

export type { SwitchPlan, SwitchRequest }

export interface SwitchResult {
  readonly plan: SwitchPlan
  /** What a switch that was cut short had left, and what became of it. */
  readonly recovered: readonly string[]
  /** Containers that were made anew. */
  readonly replaced: readonly { readonly name: string; readonly image: string }[]
  readonly bytesMoved: number
  /** Without an Engine: what is to be run now. */
  readonly deploy: string | undefined
  /** For whom the application runs by Compose: what to do instead. */
  readonly compose: ComposeAdvice | undefined
  readonly warnings: readonly string[]
}

/**
 * Moves an application's models from one strategy to the other: the containers of an Engine that run it, or, where none does,
 * its image in a registry and the directory that its models are delivered to. `onPlan` sees what will be done before
 * anything is. With `dryRun` nothing is changed. What fails is undone (design, "Switching").
 *
 * Throws USAGE, NOT_FOUND where nothing of the application runs, REFUSED for what cannot be moved or does not serve the same
 * afterwards, LOCKED while another switch of it is at work, and what embedding and delivering throw.
 */
export async function switchApp(
  store: Store,
  asked: SwitchRequest,
  options: SwitchOptions & {
    readonly dryRun: boolean
    readonly onPlan?: (plan: SwitchPlan) => void
  },
): Promise<SwitchResult> {
  const request = { ...asked, directory: resolve(asked.directory) }
  const declared: Declared = await requireApp(request.directory, request.app)
  const { app } = declared
  const isElsewhere = app.image !== undefined && !isEngineImage(app.image)
  let answers = false
  const onEngine = await withEngine(engineOf(request.access), async (engine) => {
    await engine.info()
    answers = true
    return inTurn(request, engine, () => switchOnEngine(store, { engine, request, app }, options))
  }).catch((error: unknown) => {
    // What fails once it has answered may have stopped half-way, and has to be told.
    const isNone = !answers && (isBallastError(error, 'REMOTE') || isBallastError(error, 'UNAUTHORIZED'))
    if (isElsewhere && isNone) return undefined
    throw error
  })
  if (onEngine !== undefined) return onEngine
  if (!isElsewhere) {
    throw new BallastError('NOT_FOUND', `no container of ${app.name} runs`, {
      hint: `${app.image === undefined ? `name its image in ${APP_FILE}` : `start one: ballast run --strategy ${request.to} -- ${app.image}`}`,
    })
  }
  return switchDeployed(store, { declared, request }, options)
}

/** One switch of an application at a time, by this user. */
async function inTurn<T>(
  { cacheDirectory, app }: SwitchRequest,
  { endpoint }: Engine,
  work: () => Promise<T>,
): Promise<T> {
  const name = `${shortDigest(digestOf(endpoint.url))}-${shortDigest(digestOf(app))}`
  let isTurn = false
  const inLock = (): Promise<T> => {
    isTurn = true
    return work()
  }
  try {
    return await withLock(join(cacheDirectory, 'locks', 'switch', name), { timeoutMs: 0 }, inLock)
  } catch (error) {
    if (isTurn || !isBallastError(error, 'LOCKED')) throw error
    throw new BallastError('LOCKED', `another switch of ${app} is at work`, {
      hint: 'wait until it has finished, then run the command again',
      retryable: true,
    })
  }
}

type Options = Parameters<typeof switchApp>[2]

/** Undefined where no container of the application runs. */
async function switchOnEngine(
  store: Store,
  work: EngineWork,
  { dryRun, onPlan, ...options }: Options,
): Promise<SwitchResult | undefined> {
  const { engine, app, request } = work
  const record = recordFor(app, { environment: request.environment, to: request.to })
  if (dryRun && (await isHalfDone(engine, app.name))) throw halfDone(app.name)
  const recovered = dryRun ? [] : await recover(engine, app.name)
  for (const line of recovered) options.onStep?.(line)
  const replicas: ReplicaWithForm[] = []
  for (const replica of await findReplicas(store, work, options))
    replicas.push({ ...replica, form: await formOf(store, work, replica, options) })
  if (replicas.length === 0) return undefined
  if ((await engine.info()).kind === 'podman') throw notByPodman(app.name)
  const plan = planOnEngine({ app: app.name, to: request.to, replicas, record })
  const compose = await composeAdvice(work, replicas)
  const moved = toBeMoved(replicas, request.to)
  onPlan?.(plan)
  const nothing = { plan, recovered, replaced: [], bytesMoved: 0, deploy: undefined, compose, warnings: [] }
  if (dryRun) return nothing
  if (compose !== undefined && moved.length > 0) throw leftToCompose(compose)
  if (moved.length > 0) await requireAllowedCommands(readyCommands(app), { ...request.guard, ...request })
  const switched = await switchContainers(store, work, moved, options)
  const warnings = [...switched.warnings, ...(await recordIn(request, plan))]
  return { ...nothing, ...switched, warnings }
}

/** Of `reload` a switch uses only what says that the application is ready. */
function readyCommands({ reload }: Declared['app']): readonly string[] {
  return reload === undefined ? [] : commandsOf({ way: { kind: 'none' }, ready: readyOf(reload) })
}

function halfDone(app: string): BallastError {
  return new BallastError(
    'CONFLICT',
    `a switch of ${app} was cut short, and its containers are between two forms`,
    {
      hint: 'run it without --dry-run: it ends what was begun first, and then shows what it does',
    },
  )
}

/** What Podman says of a container is not all that it takes to make it anew. */
function notByPodman(app: string): BallastError {
  return new BallastError(
    'REFUSED',
    `the containers of ${app} are Podman's, which does not tell all that they were made with`,
    {
      hint: 'start them anew by the command that started them, with the image or the mount: ballast run --dry-run shows both',
    },
  )
}

async function switchDeployed(
  store: Store,
  { declared, request }: { readonly declared: Declared; readonly request: SwitchRequest },
  { dryRun, onPlan, ...options }: Options,
): Promise<SwitchResult> {
  const { app } = declared
  const { to, environment } = request
  const record = recordFor(app, { environment, to })
  const deployed = await lookAtDeployed(store, { declared, request }, options)
  const plan = planElsewhere({ app: app.name, to, deployed, record })
  onPlan?.(plan)
  const nothing = {
    ...{ plan, recovered: [], replaced: [], bytesMoved: 0, deploy: undefined, compose: undefined },
    warnings: [],
  }
  if (dryRun) return nothing
  const switched = isSwitched(deployed, to)
    ? undefined
    : await switchElsewhere(store, { request, deployed }, options)
  const warnings = [...(switched?.warnings ?? []), ...(await recordIn(request, plan))]
  return { ...nothing, ...switched, warnings }
}

/** Everything is in its new form by now: that it cannot be written down is a warning. */
async function recordIn({ directory, app }: SwitchRequest, plan: SwitchPlan): Promise<readonly string[]> {
  const step = plan.steps.find((one) => one.do === 'record')
  if (step === undefined) return []
  try {
    await writeRecord(directory, { app, step })
    return []
  } catch (error) {
    if (!isBallastError(error) && !(error instanceof Error && 'code' in error)) throw error
    return [`${step.file} could not be changed (${error.message}): write ${step.environment}: ${step.to}`]
  }
}
