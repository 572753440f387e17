import { join } from 'node:path'
import { type BallastError, type Digest, untilStopped } from '../../core/index.ts'
import { blobsOfVersion, type Marker } from '../../model/index.ts'
import type { Session, Store } from '../../store/index.ts'
import { checkTree } from '../check.ts'
import { deliverFollowing } from '../following.ts'
import { currentGeneration } from '../links.ts'
import { GENERATIONS } from '../names.ts'
import { readTree } from '../tree.ts'
import type { ModelSource } from './source.ts'

export interface FollowingVolume {
  readonly store: Store
  readonly source: ModelSource
  readonly ref: string
  /** The following target, which containers have mounted read-only. */
  readonly target: string
}

/** How long a version that was replaced stays for those who are still opening its files. */
const GRACE_MS = 60_000
const POLL_MS = 200
const TROUBLE_MS = 2000

/** Brings the volume to what its tag points to now. Throws NOT_FOUND, DAMAGED. */
export async function bringUp(
  { store, source, ref, target }: FollowingVolume,
  by: 'mount' | 'follow',
): Promise<{ readonly marker: Marker; readonly swapped: boolean; readonly session: Session }> {
  const delivery = await source.resolve(ref)
  const session = await store.beginReading()
  try {
    await session.lease(blobsOfVersion(delivery.version))
    const name = source.check(ref).link
    const options = { link: true, by, graceMs: GRACE_MS }
    const { how } = await deliverFollowing(store, { target, name, delivery }, options)
    return { marker: delivery.marker, swapped: how !== 'unchanged', session }
  } catch (error) {
    await session.close()
    throw await source.explain(error, ref)
  }
}

/** In constant time: what is wrong with what the volume leads to. */
export async function faultsOfFollowing({
  source,
  ref,
  target,
}: FollowingVolume): Promise<readonly string[]> {
  const id = await currentGeneration(target, source.check(ref).link)
  const tree = id === undefined ? undefined : join(target, GENERATIONS, id)
  const read = tree === undefined ? undefined : await readTree(tree).catch(() => undefined)
  if (tree === undefined || read === undefined) return [`${target} is not whole`]
  return (await checkTree(tree, read.version)).faults
}

export interface KeepUpEvents {
  readonly onSwap: (marker: Marker, session: Session) => Promise<void>
  /** What keeps the volume on its former version for now; it is tried again, and told once. */
  readonly onTrouble: (error: BallastError) => void
}

/** Brings the volume up each time its tag moves, until the signal is aborted: then throws INTERRUPTED. */
export async function keepUp(
  volume: FollowingVolume,
  {
    signal,
    seen,
    onSwap,
    onTrouble,
  }: KeepUpEvents & { readonly signal: AbortSignal; readonly seen: Digest | undefined },
): Promise<void> {
  let last = seen
  const turn = async (): Promise<void> => {
    if ((await volume.source.digestOf(volume.ref)) === last) return
    const { marker, session } = await bringUp(volume, 'follow')
    if (signal.aborted) return session.close()
    await onSwap(marker, session)
    last = marker.digest
  }
  await untilStopped(turn, { signal, pauseMs: () => POLL_MS, troubleMs: () => TROUBLE_MS, onTrouble })
}
