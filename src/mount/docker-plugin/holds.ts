import { blobsOfVersion } from '../../model/index.ts'
import type { Session, Store } from '../../store/index.ts'
import { readTree } from '../tree.ts'
import type { Served } from './state.ts'
import type { Trees } from './trees.ts'

/** What is in use is not collected: one session with leases a volume. */
export interface Holds {
  has(volume: string): boolean
  /** In the place of what was held before; undefined lets go. */
  hold(volume: string, session: Session | undefined): Promise<void>
  /** A session that leases the version and what it consists of. */
  lease(served: Served): Promise<Session>
  close(): Promise<void>
}

export function createHolds(store: Store, trees: Trees): Holds {
  const sessions = new Map<string, Session>()
  return {
    has: (volume) => sessions.has(volume),
    async hold(volume, session) {
      const former = sessions.get(volume)
      if (session === undefined) sessions.delete(volume)
      else sessions.set(volume, session)
      if (former !== session) await former?.close()
    },
    async lease({ tree, marker }) {
      const read = tree === '' ? undefined : await readTree(trees.path(tree)).catch(() => undefined)
      const version = read?.version ?? (await store.readVersion(marker.digest).catch(() => undefined))
      const session = await store.beginReading()
      await session.lease(version === undefined ? [marker.digest] : blobsOfVersion(version))
      return session
    },
    async close() {
      for (const session of sessions.values()) await session.close()
    },
  }
}
