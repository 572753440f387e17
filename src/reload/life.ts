import { type ContainerRecord, type Engine, findContainer } from '../docker/index.ts'
import type { Answer } from './ask.ts'
import { type Listener, pidIn } from './listeners.ts'

/** What is known of one that is told, apart from what it says itself. */
export interface Life {
  readonly container: ContainerRecord | undefined
  readonly runs: boolean
}

/** Undefined where nothing of it can be looked at. */
export async function lookAtLife(
  { container: id, pidFile }: Listener,
  { engine, signal }: { readonly engine: Engine | undefined; readonly signal: AbortSignal },
): Promise<Life | undefined> {
  if (id !== undefined && engine !== undefined) {
    const container = await findContainer(engine, id, { signal })
    return { container, runs: container?.state.isRunning === true }
  }
  if (pidFile === undefined) return undefined
  return { container: undefined, runs: (await pidIn(pidFile)) !== undefined }
}

/** Why it will not become ready; undefined where it may. `before` is as it was when it was told. */
export function whyEnded(before: Life | undefined, now: Life | undefined): string | undefined {
  if (now === undefined) return undefined
  const { container, runs } = now
  const restarts = container?.state.restarts ?? 0
  // A restart that was asked for begins to count anew.
  const known = Math.min(before?.container?.state.restarts ?? 0, restarts)
  if (restarts > known) return 'it ended, and the Engine started it again'
  if (runs) return undefined
  return container === undefined ? 'it ended' : `it ended with ${container.state.exitCode}`
}

/** For how long one has to run that says nothing of itself. */
const SETTLED_MS = 3000

/** Of one for which no `ready` is declared: what its HEALTHCHECK says, else that it goes on running. */
export function answerByLife(now: Life | undefined, waitedMs: number): Answer {
  const health = now?.container?.state.health
  if (health === 'healthy') return { is: 'ready', word: 'untold' }
  if (health === 'unhealthy') return { is: 'failed', why: 'its HEALTHCHECK fails' }
  if (health !== undefined) return { is: 'waiting', why: `its HEALTHCHECK says ${health}` }
  if (now === undefined || waitedMs >= SETTLED_MS) return { is: 'ready', word: 'untold' }
  return { is: 'waiting', why: `it has run for ${Math.round(waitedMs / 100) / 10} s only` }
}
