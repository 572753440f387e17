import {
  type BallastError,
  type CallOptions,
  type Digest,
  digestOf,
  isBallastError,
  untilStopped,
} from '../core/index.ts'
import { openSource } from '../sources/index.ts'
import type { Store } from '../store/index.ts'
import { refuseNumber } from './add.ts'
import { type AddedSource, type AddSourceRequest, addListing } from './add-source.ts'

export interface FollowAddressEvents {
  readonly onVersion: (result: AddedSource) => void
  /** What keeps upstream from being reached or its files from becoming a version; it is tried again, and told once. */
  readonly onTrouble: (error: BallastError) => void
}

/** Upstream is others' machines, and what is published there is seldom awaited by the second. */
const PAUSE_MS = 60_000

/**
 * Adds what is at an address, and again each time that it is another there, until the signal is aborted. What has not
 * changed is not fetched again. Throws what the first `addSource` throws, and USAGE for a name that cannot follow.
 */
export async function followAddress(
  store: Store,
  { pauseMs = PAUSE_MS, ...request }: AddSourceRequest & { readonly pauseMs?: number },
  { onVersion, onTrouble, ...options }: CallOptions & FollowAddressEvents,
): Promise<void> {
  const { name, filter, metadata, address, access, revision } = request
  refuseNumber(name)
  const source = await openSource(address, { access, revision })
  let last: { readonly state: string; readonly digest: Digest } | undefined
  const look = async (): Promise<void> => {
    const listing = await source.list(options)
    const wanted = listing.files.filter(({ path }) => filter?.takes(path) ?? true)
    const state = digestOf(JSON.stringify(wanted.map(({ path, identity }) => [path, identity]).sort()))
    if (state === last?.state) return
    const added = await addListing(
      store,
      { name, address: source.address, listing, filter, metadata },
      options,
    )
    if (added.digest !== last?.digest) onVersion(added)
    last = { state, digest: added.digest }
  }
  try {
    await look()
    await untilStopped(look, { signal: options.signal, pauseMs: () => pauseMs, onTrouble })
  } catch (error) {
    // To be stopped is how following ends.
    if (!isBallastError(error, 'INTERRUPTED')) throw error
  }
}
