import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BallastError, isSystemError } from '../core/index.ts'
import { APP_FILE, type App, type AppFile, type AppTarget, parseAppFile } from '../model/index.ts'

/** What `ballast.yaml` in the directory declares; undefined where there is none. Throws USAGE for what cannot be read. */
export async function readAppFile(directory: string): Promise<AppFile | undefined> {
  const text = await readFile(join(directory, APP_FILE), 'utf8').catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return undefined
    throw error
  })
  return text === undefined ? undefined : parseAppFile(text, APP_FILE)
}

/** An application, and the targets beside it. Throws NOT_FOUND, naming those that there are. */
export async function requireApp(
  directory: string,
  name: string,
): Promise<{ readonly app: App; readonly targets: readonly AppTarget[] }> {
  const { apps, targets = [] } = (await readAppFile(directory)) ?? {}
  const app = apps?.find((one) => one.name === name)
  if (app !== undefined) return { app, targets }
  throw new BallastError('NOT_FOUND', `${APP_FILE} has no application ${name}`, {
    hint:
      apps === undefined
        ? `there is no ${APP_FILE} here; to make one: ballast init`
        : `it has ${apps.map((one) => one.name).join(', ') || 'none'}`,
  })
}
