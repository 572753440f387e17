import { readFile } from 'node:fs/promises'
import { type BallastError, createQueue, untilStopped } from '../../core/index.ts'
import { unlessInterrupted } from '../../workflows/mount.ts'

export interface WatchedFile {
  /** Reads it now, whether it has changed or not. */
  readonly reread: () => Promise<void>
  /** Resolves once it is watched no more. */
  readonly ended: Promise<void>
}

export interface WatchFileOptions {
  readonly signal: AbortSignal
  /** What was read of it already. */
  readonly text: string
  /** One call at a time. What it throws that a user can meet is told; the text is not offered again until it changes. */
  readonly onText: (text: string) => Promise<void>
  readonly onTrouble: (error: BallastError) => void
}

/** Looked at instead of watched: what is mounted into a container is often a link that is swapped. */
const POLL_MS = 2000

/** Offers what is in the file each time that it has changed, and then stayed so from one look to the next. */
export function watchFile(path: string, { signal, text, onText, onTrouble }: WatchFileOptions): WatchedFile {
  const inTurn = createQueue()
  let offered = text
  let changed: string | undefined
  const offer = async (found: string): Promise<void> => {
    offered = found
    changed = undefined
    await onText(found)
  }
  const look = (): Promise<void> =>
    inTurn(async () => {
      const found = await readFile(path, 'utf8')
      if (found === offered) changed = undefined
      else if (found === changed) await offer(found)
      else changed = found
    })
  const watching = { signal, pauseMs: () => POLL_MS, onTrouble }
  return {
    reread: () => inTurn(async () => offer(await readFile(path, 'utf8'))),
    ended: untilStopped(look, watching).catch(unlessInterrupted),
  }
}
