import { readFile, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { BallastError, writeFileDurably } from '../../core/index.ts'
import { APP_FILE, type App, editStrategy } from '../../model/index.ts'
import type { SwitchStep } from './plan.ts'
import type { Way } from './request.ts'

type RecordStep = Extract<SwitchStep, { readonly do: 'record' }>

/** What is to be written into `ballast.yaml`; undefined where it names no strategy or has that one. Throws USAGE. */
export function recordFor(
  { name, strategy }: App,
  { environment, to }: { readonly environment: string | undefined; readonly to: Way },
): RecordStep | undefined {
  const known = Object.keys(strategy)
  if (environment === undefined && known.length > 1) {
    throw new BallastError('USAGE', `${name} has a strategy for ${known.join(' and ')}: which one is it?`, {
      hint: `name it: --env ${known[0]}`,
    })
  }
  if (environment !== undefined && known.length > 0 && !known.includes(environment)) {
    throw new BallastError('USAGE', `${name} has no strategy for ${environment}`, {
      hint: `it has one for ${known.join(' and ')}; write ${environment}: ${to} into ${APP_FILE} if it is to have another`,
    })
  }
  const chosen = environment ?? known[0]
  const from = chosen === undefined ? undefined : strategy[chosen]
  if (chosen === undefined || from === undefined || from === to) return undefined
  return { do: 'record', file: APP_FILE, environment: chosen, from, to, bytes: 0 }
}

/** Where the file is a link, what it leads to is written; it stays its owner's, with `sudo` too. */
export async function writeRecord(
  directory: string,
  { app, step }: { readonly app: string; readonly step: RecordStep },
): Promise<void> {
  const path = await realpath(join(directory, step.file))
  const text = await readFile(path, 'utf8')
  const edited = await editStrategy(text, { app, environment: step.environment, strategy: step.to })
  if (edited === undefined) return
  const { mode, uid, gid } = await stat(path)
  const owner = process.geteuid?.() === 0 ? { uid, gid } : undefined
  await writeFileDurably(path, edited, { mode: mode & 0o777, owner })
}
