import { join } from 'node:path'
import {
  type BallastError,
  type Digest,
  isBallastError,
  isSystemError,
  untilStopped,
} from '../../core/index.ts'
import { blobsOfVersion, type Marker } from '../../model/index.ts'
import type { Session, Store } from '../../store/index.ts'
import { checkTree } from '../check.ts'
import { deliverFollowing } from '../following.ts'
import { currentGeneration } from '../links.ts'
import { GENERATIONS } from '../names.ts'
import { recordsOf, seeTarget } from '../seen.ts'
import type { Followed } from '../state.ts'
import { readTree } from '../tree.ts'
import type { Proving } from './proving.ts'
import type { ModelSource } from './source.ts'

export interface FollowingVolume {
  readonly name: string
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

/** What the volume leads to, held in the store for as long as the session lasts. */
export interface Shown {
  readonly marker: Marker
  readonly session: Session
}

/**
 * Brings the volume to what its tag points to now. A version that an application has not taken is not tried again before the
 * tag moves: it stays what it is. Throws NOT_FOUND, DAMAGED.
 */
export async function bringUp(
  volume: FollowingVolume,
  { by, proof }: { readonly by: 'mount' | 'follow'; readonly proof?: 'pending' | undefined },
): Promise<Shown> {
  const { store, source, ref, target } = volume
  const delivery = await source.resolve(ref)
  const known = await followedBy(volume)
  if (known?.refused?.digest === delivery.version.digest && (await faultsOfFollowing(volume)).length === 0) {
    const shown = await shownBy(volume)
    if (shown !== undefined) return shown
  }
  const session = await store.beginReading()
  try {
    await session.lease(blobsOfVersion(delivery.version))
    const name = source.check(ref).link
    const options = { link: true, by, proof, graceMs: GRACE_MS }
    await deliverFollowing(store, { target, name, delivery }, options)
    return { marker: delivery.marker, session }
  } catch (error) {
    await session.close()
    throw await source.explain(error, ref)
  }
}

/** What is recorded of the volume's link; undefined before the first delivery. */
async function followedBy({ source, ref, target }: FollowingVolume): Promise<Followed | undefined> {
  try {
    return (await recordsOf(await seeTarget(target))).get(source.check(ref).link)
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined
    throw error
  }
}

/** By the record. Of a version that the store has no longer, the tree is all that there is, and nothing can be held. */
async function shownBy(volume: FollowingVolume): Promise<Shown | undefined> {
  const { store } = volume
  const followed = await followedBy(volume)
  const current = followed?.generations.at(-1)
  if (followed === undefined || current === undefined) return undefined
  const { digest, number } = current
  const session = await store.beginReading()
  try {
    await session.lease(blobsOfVersion(await store.readVersion(digest)))
  } catch (error) {
    if (!isBallastError(error, 'NOT_FOUND') && !isBallastError(error, 'DAMAGED')) {
      await session.close()
      throw error
    }
  }
  return { marker: { model: followed.model, digest, number, reference: followed.reference }, session }
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
  readonly onSwap: (shown: Shown) => Promise<void>
  /** What keeps the volume on its former version for now; it is tried again, and told once. */
  readonly onTrouble: (error: BallastError) => void
}

export interface KeepUpOptions extends KeepUpEvents {
  readonly signal: AbortSignal
  /** What the volume leads to. */
  readonly seen: Digest | undefined
  readonly proving: Proving | undefined
}

/**
 * Brings the volume up each time its tag moves, and has that proven, until the signal is aborted: then throws INTERRUPTED. What
 * a process before has left unproven comes first.
 */
export async function keepUp(
  volume: FollowingVolume,
  { signal, seen, proving, onSwap, onTrouble }: KeepUpOptions,
): Promise<void> {
  const { name, source, ref, target } = volume
  let last = seen
  let shown = seen
  let isProven = proving === undefined
  const show = async (next: Shown | undefined): Promise<void> => {
    if (next === undefined || signal.aborted || next.marker.digest === shown) return next?.session.close()
    await onSwap(next)
    shown = next.marker.digest
  }
  const turn = async (): Promise<void> => {
    const digest = await source.digestOf(ref)
    if (digest === last && isProven) return
    const prove = await proving?.({ name, ref, target, link: source.check(ref).link })
    if (digest !== last) {
      await show(await bringUp(volume, { by: 'follow', proof: prove && 'pending' }))
      last = digest
      isProven = false
    }
    if (prove !== undefined) {
      await prove({ signal })
      await show(await shownBy(volume))
    }
    isProven = true
  }
  await untilStopped(turn, { signal, pauseMs: () => POLL_MS, troubleMs: () => TROUBLE_MS, onTrouble })
}
