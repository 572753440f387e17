import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { BallastError, isSystemError } from '../core/index.ts'
import { findContainer } from '../docker/index.ts'
import type { Surroundings } from './listeners.ts'
import type { ReloadPlan } from './plan.ts'

/**
 * Throws NOT_FOUND where a container that the plan names, or the file of its process, is not there: by a wrong name nobody would ever
 * be told. One that is there need not run. Throws what the Engine does.
 */
export async function requireNamed(
  { whom, app }: ReloadPlan,
  { directory, engine, signal }: Omit<Surroundings, 'target'>,
): Promise<void> {
  const of = app === '' ? 'reload' : `reload of ${app}`
  if (whom.kind === 'process' && !(await isThere(resolve(directory, whom.pidFile)))) {
    throw new BallastError('NOT_FOUND', `${of}: there is no file ${whom.pidFile}`, {
      hint: 'start the application, which writes the number of its process there, or correct the name',
    })
  }
  if (whom.kind !== 'containers' || engine === undefined) return
  for (const name of whom.names) {
    if ((await findContainer(engine, name, { signal })) !== undefined) continue
    throw new BallastError('NOT_FOUND', `${of}: there is no container ${name}`, {
      hint: 'create it, or correct the name',
    })
  }
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => {
      if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return false
      throw error
    },
  )
}
