import { readFile } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { type BallastError, explainSystemError } from '../core/index.ts'
import { parseAppFile } from '../model/index.ts'
import type { Credentials } from '../registry/index.ts'
import {
  type FollowingLog,
  startFollowing,
  startStatusServer,
  type Wanted,
  watchFile,
} from '../serve/index.ts'
import { keptTargets } from './kept-targets.ts'
import { describeJudged, describeMounted } from './render/mounted.ts'
import type { Session } from './session.ts'

export interface ServeFollowOptions {
  /** Of `ballast.yaml`. */
  readonly file: string
  readonly status: { readonly host: string; readonly port: number }
  readonly credentials: Credentials | undefined
  readonly allowCommands: boolean
  readonly plainHttp: readonly string[]
}

/** Keeps up what the file declares until it is closed. Throws what keeps it from beginning; a target that fails is none of that. */
export async function serveFollow(
  session: Session,
  { file, status, credentials, ...options }: ServeFollowOptions,
): Promise<{ readonly close: () => Promise<void>; readonly failed: Promise<never> }> {
  const path = resolve(file)
  const read = async (text: string): Promise<Wanted> =>
    keptTargets(session, await parseAppFile(text, basename(path)), { directory: dirname(path), ...options })
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw explainSystemError(error)
  })
  const wanted = await read(text)

  const { promise: failed, reject } = Promise.withResolvers<never>()
  failed.catch(() => undefined)
  const following = startFollowing(logTo(session, reject))
  const server = await startStatusServer({
    listen: status,
    credentials,
    statuses: following.statuses,
    disk: async () => undefined,
  })
  const count = wanted.targets.length
  session.printLine(
    { status: `http://${server.address}`, file: path, targets: count },
    `${count} ${count === 1 ? 'target' : 'targets'} of ${path}; status at http://${server.address}`,
  )
  await following.apply(wanted)

  const ending = new AbortController()
  const trouble = (error: BallastError): void =>
    tell(session, `${path}: it stays as it was read before`, error)
  const watched = watchFile(path, {
    signal: ending.signal,
    text,
    onTrouble: trouble,
    async onText(changed) {
      await following.apply(await read(changed))
      session.note(`${path}: read again`)
    },
  })
  watched.ended.catch(reject)
  const hangUp = (): void =>
    void watched.reread().catch((error: unknown) => {
      const explained = explainSystemError(error) as BallastError
      trouble(explained)
    })
  process.on('SIGHUP', hangUp)
  return {
    failed,
    async close() {
      process.off('SIGHUP', hangUp)
      ending.abort()
      await watched.ended
      await following.close()
      await server.close()
    },
  }
}

function logTo(session: Session, onBug: (error: unknown) => void): FollowingLog {
  const line = (result: object, text: string): void =>
    session.printLine({ time: new Date().toISOString(), ...result }, text)
  return {
    onBug,
    onBrought: ({ from }, brought) => line({ from, ...brought }, `${brought.ref} brought from ${from}`),
    onSwap: (_, result) => line(result, describeMounted(result)),
    onJudged: ({ to }, judged) => line({ target: to, ...judged }, describeJudged(judged)),
    onTrouble: (about, error) =>
      tell(session, 'to' in about ? `${about.ref} -> ${about.to}` : about.from, error),
  }
}

function tell(session: Session, about: string, { message, hint }: BallastError): void {
  session.note(`ballast: ${about}: ${message}${hint ? `\n  ${hint}` : ''}`)
}
