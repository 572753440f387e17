import { setTimeout as sleep } from 'node:timers/promises'
import { BallastError, type CallOptions, throwIfAborted } from '../../core/index.ts'
import { type ContainerRecord, type Engine, lastLogLines, readContainer } from '../../docker/index.ts'
import type { Reload } from '../../model/index.ts'
import {
  type Answer,
  answerByLife,
  askReady,
  inWords,
  millisecondsOf,
  readyOf,
  type ToldVersion,
} from '../../reload/index.ts'

const USUAL_WITHIN_MS = 60_000
const POLL_MS = 100
const LONGEST_ANSWER_MS = 5000

export interface Waiting extends CallOptions {
  readonly reload: Reload | undefined
  /** Which it has to serve; undefined where it has no model. */
  readonly version: ToldVersion | undefined
  /** What paths in `reload` are relative to. */
  readonly directory: string
}

/**
 * Waits until a container that was started says that it is ready as `reload.ready` has it, or its HEALTHCHECK is content, or,
 * without either, it has run for a few seconds. Throws REFUSED with the last lines of its log where it ends, or the time does.
 */
export async function waitUntilReady(engine: Engine, id: string, waiting: Waiting): Promise<void> {
  const { reload, signal } = waiting
  const withinMs = reload?.within === undefined ? USUAL_WITHIN_MS : millisecondsOf(reload.within)
  const started = performance.now()
  const since = Date.now()
  for (;;) {
    throwIfAborted(signal)
    const container = await readContainer(engine, id, { signal })
    const { isRunning, exitCode, restarts } = container.state
    if (!isRunning || restarts > 0) throw await notReady(engine, container, `it ended with ${exitCode}`)
    const waited = performance.now() - started
    const answer = await answerOf(engine, container, { ...waiting, since, waited })
    if (answer.is === 'ready') return
    if (answer.is === 'failed') throw await notReady(engine, container, answer.why)
    if (waited >= withinMs)
      throw await notReady(engine, container, `after ${Math.round(waited / 1000)} s, ${answer.why}`)
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined)
  }
}

async function answerOf(
  engine: Engine,
  container: ContainerRecord,
  {
    reload,
    version,
    waited,
    since,
    directory,
    signal,
  }: Waiting & { readonly since: number; readonly waited: number },
): Promise<Answer> {
  const ready = reload && readyOf(reload)
  if (ready === undefined || version === undefined) {
    return answerByLife({ container, runs: container.state.isRunning }, waited)
  }
  const times = AbortSignal.timeout(LONGEST_ANSWER_MS)
  return askReady({ name: container.name, container: container.id }, ready, {
    engine,
    directory,
    version,
    since,
    signal: signal ? AbortSignal.any([signal, times]) : times,
  })
}

async function notReady(engine: Engine, { id, name }: ContainerRecord, why: string): Promise<BallastError> {
  const lines = await lastLogLines(engine, id)
  const log = lines.length === 0 ? '' : `; its last lines:\n${lines.map((line) => `    ${line}`).join('\n')}`
  return new BallastError('REFUSED', `${name} is not ready: ${inWords(why)}${log}`)
}
