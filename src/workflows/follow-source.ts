import {
  type BallastError,
  type CallOptions,
  type Digest,
  isBallastError,
  untilStopped,
} from '../core/index.ts'
import { createKnownFiles, scanLocalFiles, stateOfScan } from '../sources/index.ts'
import type { Store } from '../store/index.ts'
import { type AddRequest, type AddResult, add, refuseNumber } from './add.ts'

export interface FollowSourceEvents {
  readonly onVersion: (result: AddResult) => void
  /** What keeps the files from becoming a version for now; it is tried again, and told once. */
  readonly onTrouble: (error: BallastError) => void
}

/** Looked at again and again instead of watched: directories that are shared with a virtual machine or over a network tell nobody. */
const POLL_MS = 300
/** Looking takes a tenth of the time at most, unless it takes so long that nobody would wait for that. */
const LOOKING_SHARE = 10
const LONGEST_WAIT_MS = 5000
/** What writes a model writes several files, and each for a while. */
const QUIET_MS = 1000

/**
 * Adds the sources, and again each time that they have changed and then stayed as they are for a second, until the
 * signal is aborted. Throws what the first `add` throws, and USAGE for a name that cannot follow.
 */
export async function followSource(
  store: Store,
  request: Omit<AddRequest, 'move' | 'known'>,
  { onVersion, onTrouble, ...options }: CallOptions & FollowSourceEvents,
): Promise<void> {
  refuseNumber(request.name)
  const known = createKnownFiles()
  let last: Digest | undefined
  const addNow = async (): Promise<void> => {
    const result = await add(store, { ...request, known }, options)
    if (result.digest !== last) onVersion(result)
    last = result.digest
  }
  try {
    // Before it is added: what changes meanwhile is then a change.
    const first = await look(request)
    await addNow()
    await keepUp(
      { sources: request.sources, filter: request.filter, first, addNow, onTrouble },
      options.signal,
    )
  } catch (error) {
    // To be stopped is how following ends.
    if (!isBallastError(error, 'INTERRUPTED')) throw error
  }
}

interface Followed extends Looked {
  readonly first: Look
  readonly addNow: () => Promise<void>
  readonly onTrouble: FollowSourceEvents['onTrouble']
}

async function keepUp(
  { sources, filter, first, addNow, onTrouble }: Followed,
  signal: AbortSignal | undefined,
): Promise<void> {
  let added = first.state
  let changed: { readonly state: Digest; readonly since: number } | undefined
  let wait = first.ms * LOOKING_SHARE
  const turn = async (): Promise<void> => {
    const before = changed
    changed = undefined
    const { state, ms } = await look({ sources, filter })
    wait = ms * LOOKING_SHARE
    if (state === added) return
    if (state === before?.state && performance.now() - before.since >= QUIET_MS) {
      await addNow()
      added = state
    } else {
      changed = state === before?.state ? before : { state, since: performance.now() }
    }
  }
  await untilStopped(turn, {
    signal,
    pauseMs: () => Math.min(Math.max(POLL_MS, wait), LONGEST_WAIT_MS),
    onTrouble(error) {
      // A file that is being written to is no trouble.
      if (!error.retryable) onTrouble(error)
    },
  })
}

interface Look {
  /** Equal as long as no file has come, gone or been written to. */
  readonly state: Digest
  readonly ms: number
}

type Looked = Pick<AddRequest, 'sources' | 'filter'>

async function look({ sources, filter }: Looked): Promise<Look> {
  const started = performance.now()
  const scan = await scanLocalFiles(sources, { filter })
  return { state: stateOfScan(scan), ms: performance.now() - started }
}
