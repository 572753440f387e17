import { isBallastError, untilStopped } from '../core/index.ts'
import { type GcResult, gc } from '../workflows/gc.ts'
import { cacheDirectory } from './cache-directory.ts'
import { engineChoice } from './engine-choice.ts'
import { formatBytes, formatCount } from './render/text.ts'
import type { Session } from './session.ts'

/**
 * Runs `gc` by the store's policy at once and then every so often, until it is closed. Throws NOT_FOUND where there is no policy;
 * what is changed of it later counts from the next run on.
 */
export async function serveGc(
  session: Session,
  everyMs: number,
): Promise<{ readonly close: () => Promise<void>; readonly failed: Promise<never> }> {
  const store = await session.store()
  const ending = new AbortController()
  const places = { engine: engineChoice(session.io), cacheDirectory: cacheDirectory(session.io) }
  const turn = async (): Promise<void> => {
    const result = await gc(store, { policy: 'stored', places }, { signal: ending.signal })
    for (const warning of result.warnings) session.note(`warning: ${warning}`)
    tell(session, result)
  }
  await turn()
  const running = untilStopped(turn, {
    signal: ending.signal,
    pauseMs: () => everyMs,
    onTrouble: session.noteTrouble,
  })
  const { promise: failed, reject } = Promise.withResolvers<never>()
  failed.catch(() => undefined)
  const ended = running.catch((error: unknown) => {
    if (!isBallastError(error, 'INTERRUPTED')) reject(error)
  })
  return {
    failed,
    async close() {
      ending.abort()
      await ended
    },
  }
}

/** Nothing of a run that found nothing. */
function tell({ printLine }: Session, { removed, removedBytes, retention }: GcResult): void {
  const versions = (retention?.removed ?? []).map(({ model, number }) => `${model}:${number}`)
  if (removed.length === 0 && versions.length === 0) return
  const what = versions.length === 0 ? '' : `${versions.join(', ')}: `
  printLine(
    { time: new Date().toISOString(), gc: { versions, blobs: removed.length, bytes: removedBytes } },
    `gc removed ${what}${formatCount(removed.length, 'blob')}, ${formatBytes(removedBytes)}`,
  )
}
