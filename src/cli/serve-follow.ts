import { readFile } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { BallastError, explainSystemError, isBallastError, isSystemError } from '../core/index.ts'
import { parseAppFile } from '../model/index.ts'
import type { Credentials } from '../registry/index.ts'
import {
  createDiskBudget,
  type FollowingLog,
  startFollowing,
  startStatusServer,
  type Wanted,
  watchFile,
} from '../serve/index.ts'
import type { SourceAccess } from '../sources/index.ts'
import type { ImageAccess } from '../workflows/image-places.ts'
import { keptTargets } from './kept-targets.ts'
import { describeJudged, describeMounted } from './render/mounted.ts'
import type { Session } from './session.ts'

export interface ServeFollowOptions {
  /** Of `ballast.yaml`. */
  readonly file: string
  readonly status: { readonly host: string; readonly port: number }
  readonly credentials: Credentials | undefined
  readonly allowCommands: boolean
  readonly access: ImageAccess
  readonly sources: SourceAccess
  /** What store and targets may take, in bytes. */
  readonly maxDisk: number | undefined
}

/** Keeps up what the file declares until it is closed. Throws what keeps it from beginning; a target that fails is none of that. */
export async function serveFollow(
  session: Session,
  { file, status, credentials, allowCommands, access, sources, maxDisk }: ServeFollowOptions,
): Promise<{ readonly close: () => Promise<void>; readonly failed: Promise<never> }> {
  const path = resolve(file)
  const store = await session.store()
  let wanted: Wanted = { tags: [], targets: [] }
  const disk = createDiskBudget({
    budget: maxDisk,
    places: () => [store.root, ...wanted.targets.flatMap(({ directory }) => directory ?? [])],
    async makeRoom() {
      for (const { dropUnused } of wanted.tags) await dropUnused()
      await store.gc()
    },
  })
  const read = async (text: string): Promise<Wanted> => {
    const declared = await parseAppFile(text, basename(path))
    return keptTargets(session, declared, { directory: dirname(path), allowCommands, access, sources, disk })
  }
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw isSystemError(error, 'ENOENT') ? noFile(path) : explainSystemError(error)
  })
  wanted = await read(text)

  const { promise: failed, reject } = Promise.withResolvers<never>()
  failed.catch(() => undefined)
  const following = startFollowing(logTo(session, reject))
  const server = await startStatusServer({
    listen: status,
    credentials,
    statuses: following.statuses,
    disk: disk.measure,
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
      wanted = await read(changed)
      await following.apply(wanted)
      session.note(`${path}: read again`)
    },
  })
  watched.ended.catch(reject)
  const hangUp = (): void =>
    void watched.reread().catch((error: unknown) => {
      const explained = explainSystemError(error)
      if (isBallastError(explained)) trouble(explained)
      else reject(explained)
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

function noFile(path: string): BallastError {
  return new BallastError('NOT_FOUND', `there is no ${path}`, {
    hint: 'name the file with --file; what it has to say of targets: { ref: sentiment:prod, to: ./models, follow: true }',
  })
}

function tell(session: Session, about: string, { code, message, hint }: BallastError): void {
  session.noteTrouble(new BallastError(code, `${about}: ${message}`, { hint }))
}
