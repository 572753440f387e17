import { setTimeout as sleep } from 'node:timers/promises'
import { isBallastError, throwIfAborted } from '../core/index.ts'
import { type Answer, askReady } from './ask.ts'
import { answerByLife, lookAtLife, whyEnded } from './life.ts'
import type { Listener, Surroundings } from './listeners.ts'
import type { ReloadPlan, ToldVersion } from './plan.ts'
import { type Telling, type Told, tell } from './tell.ts'

/** `served`: it has named the version. `untold`: it is ready, and has not said with which version. */
export type Proof = { readonly is: 'served' | 'untold' } | { readonly is: 'failed'; readonly why: string }

const POLL_MS = 100
const LONGEST_ANSWER_MS = 5000

/**
 * Tells one of the version and waits until it says that it serves it, or cannot, or the time is up. Throws INTERRUPTED, and what the
 * Engine does.
 */
export async function prove(
  listener: Listener,
  { plan, version, ...around }: Surroundings & { readonly plan: ReloadPlan; readonly version: ToldVersion },
): Promise<Proof> {
  const started = performance.now()
  const since = Date.now()
  const deadline = AbortSignal.timeout(plan.withinMs)
  const signal = around.signal ? AbortSignal.any([around.signal, deadline]) : deadline
  const telling: Telling = { ...around, version, signal }
  const tooLate = (why: string): Proof => {
    throwIfAborted(around.signal)
    return { is: 'failed', why: `not ready after ${inSeconds(plan.withinMs)}${why === '' ? '' : `: ${why}`}` }
  }
  let why = ''
  try {
    const before = await lookAtLife(listener, telling)
    const told = await tellUntilHeard(listener, plan, telling)
    if ('why' in told) return signal.aborted ? tooLate(told.why) : { is: 'failed', why: told.why }
    const { word } = told
    if (typeof word === 'object') return { is: 'failed', why: word.refused }
    // Where nothing else can be asked, the answer to the call is what there is.
    if (plan.ready === undefined && word === 'serves') return { is: 'served' }
    for (;;) {
      const now = await lookAtLife(listener, telling)
      const ended = whyEnded(before, now)
      if (ended !== undefined) return { is: 'failed', why: ended }
      const answer = await askOnce(listener, plan, {
        ...telling,
        since,
        waitedMs: performance.now() - started,
        now,
      })
      if (signal.aborted) return tooLate(lastWord(answer, why))
      if (answer.is === 'ready') return { is: answer.word === 'serves' ? 'served' : 'untold' }
      if (answer.is === 'failed') return { is: 'failed', why: answer.why }
      why = answer.why
      await sleep(POLL_MS, undefined, { signal }).catch(() => undefined)
      if (signal.aborted) return tooLate(why)
    }
  } catch (error) {
    if (deadline.aborted && isBallastError(error, 'INTERRUPTED')) return tooLate(why)
    // Of its container, between two looks.
    if (isBallastError(error, 'NOT_FOUND')) return { is: 'failed', why: 'its container is gone' }
    throw error
  }
}

/** Of an answer that the deadline may have broken off: what was said before tells more than that it was. */
function lastWord(answer: Answer, before: string): string {
  if (answer.is === 'ready') return 'the answer came too late'
  return answer.is === 'failed' || before === '' ? answer.why : before
}

/** One that is not there for a moment is told as soon as it is. */
async function tellUntilHeard(listener: Listener, plan: ReloadPlan, telling: Telling): Promise<Told> {
  for (;;) {
    const told = await tell(listener, plan.way, telling)
    if (!('why' in told) || !told.again || telling.signal.aborted) return told
    await sleep(POLL_MS, undefined, { signal: telling.signal }).catch(() => undefined)
    if (telling.signal.aborted) return told
  }
}

async function askOnce(
  listener: Listener,
  { ready }: ReloadPlan,
  {
    waitedMs,
    now,
    ...asking
  }: Telling & {
    readonly since: number
    readonly waitedMs: number
    readonly now: Awaited<ReturnType<typeof lookAtLife>>
  },
): Promise<Answer> {
  if (ready === undefined) return answerByLife(now, waitedMs)
  const signal = AbortSignal.any([asking.signal, AbortSignal.timeout(LONGEST_ANSWER_MS)])
  return askReady(listener, ready, { ...asking, signal })
}

function inSeconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`
}
