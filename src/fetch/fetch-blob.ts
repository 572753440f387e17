import { type CallOptions, type Checksum, type Content, type Digest, digestOf } from '../core/index.ts'
import type { RetryDelays } from '../http/index.ts'
import type { Ingested, Place, Session, Store } from '../store/index.ts'
import { fetchInParts } from './fetch-in-parts.ts'
import { fetchWhole } from './fetch-whole.ts'
import { findFetched, rememberFetched } from './fetched.ts'
import { takeFromHere } from './from-here.ts'
import { createLanes, type Lanes } from './lanes.ts'
import { knownDigest } from './verify.ts'

export interface FetchRequest {
  /** For people: a file's path. */
  readonly item: string
  /**
   * Bytes that are elsewhere, read in ranges, several at once. A failed read is tried again where its error is retryable; a
   * content that turns out to be another one throws REFUSED.
   */
  readonly content: Content
  /** Tells this content from every other, for good: what is kept of it under this name is used again. */
  readonly identity: string
  readonly digest?: Digest | undefined
  /** The surest of them is held against what arrives. */
  readonly checksums?: readonly Checksum[] | undefined
  /** A file of this machine that is said to hold the same bytes: they are taken from there where they are right. */
  readonly local?: string | undefined
  /** Where it can only be read from its beginning, `false`: by one connection then, and anew after a kill. */
  readonly ranges?: boolean | undefined
}

export interface FetchOptions extends CallOptions {
  /** Shared by all calls of the process where none are given. */
  readonly lanes?: Lanes | undefined
  readonly retryDelays?: RetryDelays | undefined
}

/** In bytes. What is smaller comes in one piece, and is begun again after a kill. */
const SMALL = 8 * 1024 * 1024

/** Half a minute in all: networks come back. */
const RETRY_DELAYS: RetryDelays = [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000]

let shared: Lanes | undefined

/**
 * Brings a content from elsewhere into the store and leases it: in parts, by several connections at once, hashed while it
 * arrives, held against what is known of it, published whole. Nothing is fetched that the store has already. What a
 * kill, a reboot or a failure leaves is taken up by the next call for the same identity; of two at the same time, the
 * second waits for the first. Takes memory for some 2 MiB a lane, whatever the size. Throws DAMAGED for other bytes than
 * were to come, and what reading the content throws; after DAMAGED and REFUSED the next call begins anew.
 */
export async function fetchBlob(
  { store, session }: { readonly store: Store; readonly session: Session },
  request: FetchRequest,
  options: FetchOptions = {},
): Promise<Ingested> {
  const { item, content, identity, ranges = true } = request
  const { signal, onProgress } = options
  shared ??= createLanes()
  const how = { ...options, lanes: options.lanes ?? shared, retryDelays: options.retryDelays ?? RETRY_DELAYS }
  const digest = knownDigest(request)
  const find = async (): Promise<Ingested | undefined> => {
    const found = await findFetched({ store, session }, { identity, digest, size: content.size })
    if (found !== undefined) onProgress?.({ kind: 'skip', step: 'download', item, because: 'exists' })
    return found && { ...found, existed: true }
  }
  const known = await find()
  if (known !== undefined) return known
  const here = await takeFromHere({ store, session }, request, options)
  if (here !== undefined) {
    onProgress?.({ kind: 'skip', step: 'download', item, because: 'exists' })
    return here
  }
  const fetch = async (place?: Place): Promise<Ingested> => {
    const arrived = await (place === undefined
      ? fetchWhole({ store, session }, request, how)
      : fetchInParts({ store, session, place }, request, how))
    // While the place is held still: whoever waits for it looks here first.
    if (digest === undefined) await rememberFetched({ store, session }, { identity, digest: arrived.digest })
    return arrived
  }
  const inParts = ranges && content.size >= SMALL
  const fetched = inParts
    ? await store.partials.hold({ key: digestOf(identity), signal }, async (place) => {
        const meanwhile = await find()
        if (meanwhile !== undefined) place.giveUp()
        return meanwhile ?? fetch(place)
      })
    : await fetch()
  onProgress?.({ kind: 'done', step: 'download', item, digest: fetched.digest })
  return fetched
}
