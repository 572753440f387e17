import type { CallOptions } from '../core/index.ts'
import type { Engine, EngineChoice } from '../docker/index.ts'
import {
  announce,
  findListeners,
  type Listener,
  type ReloadPlan,
  requireNamed,
  type Surroundings,
  type ToldVersion,
  type Verdict,
  verdictOf,
} from '../reload/index.ts'
import { withEngine } from './engine-access.ts'

/** How the applications of a target are told, and where. */
export interface ReloadTask {
  readonly plans: readonly ReloadPlan[]
  /** What paths in the plans are relative to. */
  readonly directory: string
  readonly engine: EngineChoice
  /** Whether a version that was put back is tried again although its tag has not moved. */
  readonly retry: boolean
}

export interface ToldAll {
  readonly verdict: Verdict
  /** Whom to tell again when the version is put back. */
  readonly told: ReadonlyMap<ReloadPlan, readonly Listener[]>
}

/** Tells the applications one after the other; one that fails ends it. With `only`, nobody else. */
export function tellAll(
  { plans, directory, engine: choice }: ReloadTask,
  {
    target,
    version,
    only,
    isTold = false,
  }: {
    readonly target: Surroundings['target']
    readonly version: ToldVersion
    readonly only?: ToldAll['told'] | undefined
    /** They have been told already, and are only asked. */
    readonly isTold?: boolean
  },
  { signal }: CallOptions,
): Promise<ToldAll> {
  return withEngineFor(plans, choice, async (engine) => {
    const around: Surroundings = { directory, target, engine, signal }
    const told = new Map<ReloadPlan, readonly Listener[]>()
    const verdicts: Verdict[] = []
    for (const plan of plans) {
      if (only !== undefined && !only.has(plan)) continue
      const listeners = only?.get(plan) ?? (await findListeners(plan, around))
      const telling = isTold ? { ...plan, way: { kind: 'none' as const } } : plan
      const announced = await announce(telling, listeners, { ...around, version })
      told.set(plan, announced.told)
      verdicts.push(ofApp(plan, announced.verdict))
      if (announced.verdict.is === 'failed') break
    }
    return { verdict: verdictOf(verdicts), told }
  })
}

/** Throws NOT_FOUND where one that is to be told is named and not there, and what the Engine does. */
export function requireWhomToTell(
  { plans, directory, engine: choice }: ReloadTask,
  { signal }: CallOptions,
): Promise<void> {
  const named = plans.filter(({ whom }) => whom.kind === 'containers' || whom.kind === 'process')
  return withEngineFor(named, choice, async (engine) => {
    for (const plan of named) await requireNamed(plan, { directory, engine, signal })
  })
}

function withEngineFor<T>(
  plans: readonly ReloadPlan[],
  choice: EngineChoice,
  work: (engine: Engine | undefined) => Promise<T>,
): Promise<T> {
  const isNeeded = plans.some(({ whom }) => whom.kind === 'containers' || whom.kind === 'image')
  return isNeeded ? withEngine(choice, work) : work(undefined)
}

function ofApp({ app }: ReloadPlan, verdict: Verdict): Verdict {
  return verdict.is === 'failed' && app !== '' ? { is: 'failed', why: `${app}: ${verdict.why}` } : verdict
}
