import { isBallastError, isSystemError } from '../core/index.ts'
import { restartContainer, signalContainer } from '../docker/index.ts'
import type { Word } from './claims.ts'
import { type CommandOptions, whyCommandFailed } from './command.ts'
import { callListener } from './listener-call.ts'
import { type Listener, pidIn, type Surroundings } from './listeners.ts'
import { type ToldVersion, versionVariables, type Way } from './plan.ts'
import { loadInTriton } from './triton.ts'

/** What became of the call: what it answered, or why the application was not told and whether to try again. */
export type Told = { readonly word: Word } | { readonly why: string; readonly again: boolean }

export interface Telling extends Omit<Surroundings, 'signal' | 'target'> {
  readonly version: ToldVersion
  /** Aborted when the time is up, or nobody waits any more. */
  readonly signal: AbortSignal
}

/** Tells one that there is a new version. What the Engine throws is thrown. */
export async function tell(listener: Listener, way: Way, telling: Telling): Promise<Told> {
  switch (way.kind) {
    case 'none':
      return { word: 'untold' }
    case 'http':
      return callListener(listener, way.call, telling)
    case 'command': {
      const why = await whyCommandFailed(way.command, commandOptions(listener, telling))
      return why === undefined ? { word: 'untold' } : { why: `the command failed: ${why}`, again: false }
    }
    case 'signal':
      return send(listener, way.signal, telling)
    case 'restart':
      return restart(listener, telling)
    case 'triton':
      return loadInTriton(listener, way.url, telling)
  }
}

export function commandOptions(
  { name, container }: Listener,
  { version, directory, signal }: Telling,
): CommandOptions {
  const own = container === undefined ? {} : { BALLAST_CONTAINER: name }
  return { directory, signal, variables: { ...versionVariables(version), ...own } }
}

async function send(
  { name, container, pidFile }: Listener,
  signalName: NodeJS.Signals,
  { engine, signal }: Telling,
): Promise<Told> {
  try {
    if (container !== undefined && engine !== undefined) {
      await signalContainer(engine, { id: container, name: signalName }, { signal })
      return { word: 'untold' }
    }
    const pid = pidFile === undefined ? undefined : await pidIn(pidFile)
    if (pid === undefined) return { why: `${name} does not run`, again: true }
    process.kill(pid, signalName)
    return { word: 'untold' }
  } catch (error) {
    if (isBallastError(error, 'CONFLICT') || isBallastError(error, 'NOT_FOUND')) {
      return { why: `${name} does not run`, again: true }
    }
    if (isSystemError(error, 'ESRCH')) return { why: `${name} does not run`, again: true }
    if (isSystemError(error, 'EPERM')) {
      return { why: `this user may not send ${signalName} to ${name}`, again: false }
    }
    if (error instanceof TypeError) return { why: `there is no signal ${signalName} here`, again: false }
    throw error
  }
}

async function restart({ name, container }: Listener, { engine, signal }: Telling): Promise<Told> {
  if (container === undefined || engine === undefined) return { why: `${name} is no container`, again: false }
  try {
    await restartContainer(engine, container, { signal })
    return { word: 'untold' }
  } catch (error) {
    if (isBallastError(error, 'NOT_FOUND')) return { why: `${name} is gone`, again: false }
    if (!isBallastError(error, 'REMOTE') && !isBallastError(error, 'CONFLICT')) throw error
    return { why: `${name} was not restarted: ${error.message}`, again: false }
  }
}
