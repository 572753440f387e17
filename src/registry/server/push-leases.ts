import { type Digest, isSystemError } from '../../core/index.ts'
import type { Session, Store } from '../../store/index.ts'

/** Keeps blobs from `gc` between the moment a client learns that they are there and the manifest that refers to them. */
export interface PushLeases {
  keep(digests: readonly Digest[]): Promise<void>
  close(): Promise<void>
}

/** A lease lasts at least this long, and at most twice as long, in milliseconds: a push of many gigabytes. */
const LEAST_MS = 60 * 60_000

/** HTTP has no notion of a push that ends, so leases end by time: with the session after the next. */
export function createPushLeases(store: Store, leastMs: number = LEAST_MS): PushLeases {
  let current: { readonly session: Promise<Session>; readonly since: number } | undefined
  let former: Promise<Session> | undefined

  async function rotate(): Promise<Session> {
    if (current !== undefined && Date.now() - current.since < leastMs) return current.session
    const ended = former
    former = current?.session
    current = { session: store.begin(), since: Date.now() }
    await (await ended)?.close()
    return current.session
  }

  return {
    async keep(digests) {
      if (digests.length === 0) return
      const session = await rotate().catch(ignoreReadOnly)
      await session?.lease(digests)
    },
    async close() {
      const sessions = await Promise.all([former, current?.session])
      former = current = undefined
      for (const session of sessions) await session?.close()
    },
  }
}

/** Nobody pushes into a store that cannot be written, but what it has can be asked for. */
function ignoreReadOnly(error: unknown): undefined {
  if (!isSystemError(error, 'EROFS', 'EACCES', 'EPERM')) throw error
}
