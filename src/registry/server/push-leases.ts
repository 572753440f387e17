import type { Digest } from '../../core/index.ts'
import type { Session, Store } from '../../store/index.ts'

/** Keeps blobs from `gc` between the moment a client learns that they are there and the manifest that refers to them. */
export interface PushLeases {
  keep(digests: readonly Digest[]): Promise<void>
  /** What keeps them. */
  sessions(): readonly Session[]
  close(): Promise<void>
}

/** A lease lasts at least this long, and at most twice as long, in milliseconds: a push of many gigabytes. */
const LEAST_MS = 60 * 60_000

/** HTTP has no notion of a push that ends, so leases end by time: with the session after the next. */
export function createPushLeases(store: Store, leastMs: number = LEAST_MS): PushLeases {
  let current: { readonly session: Session; readonly since: number } | undefined
  let former: Session | undefined
  let opening: Promise<Session> | undefined

  async function lasting(): Promise<Session> {
    if (current !== undefined && performance.now() - current.since < leastMs) return current.session
    // One for all who ask meanwhile; and forgotten when it fails, because a disk that was full may have room again.
    opening ??= rotate().finally(() => {
      opening = undefined
    })
    return opening
  }

  async function rotate(): Promise<Session> {
    const session = await store.beginReading()
    const ended = former
    former = current?.session
    current = { session, since: performance.now() }
    await closed([ended])
    return session
  }

  return {
    async keep(digests) {
      if (digests.length === 0) return
      await (await lasting()).lease(digests)
    },
    sessions: () => [former, current?.session].filter((session) => session !== undefined),
    async close() {
      await opening?.catch(() => undefined)
      const sessions = [former, current?.session]
      former = current = undefined
      await closed(sessions)
    },
  }
}

/** What cannot be removed now is removed by `gc`, once this process is gone. */
async function closed(sessions: readonly (Session | undefined)[]): Promise<void> {
  await Promise.allSettled(sessions.map((session) => session?.close()))
}
