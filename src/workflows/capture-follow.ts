import {
  BallastError,
  type CallOptions,
  type Digest,
  isBallastError,
  isPresent,
  untilStopped,
} from '../core/index.ts'
import type { ParentVersion } from '../model/index.ts'
import { pathFilter, stateOfScan, WAIT_MS } from '../sources/index.ts'
import type { Store } from '../store/index.ts'
import { refuseNumber } from './add.ts'
import { type CaptureOptions, type CaptureRequest, notHere, placeHere } from './capture.ts'
import {
  type Candidate,
  type CapturedDirectory,
  captureDirectory,
  findCandidate,
} from './capture-directory.ts'
import { parentCalled } from './lineage.ts'

export interface FollowCaptureEvents {
  readonly onVersion: (result: CapturedDirectory) => void
  /** What keeps the files from becoming a version for now; it is tried again, and told once. */
  readonly onTrouble: (error: BallastError) => void
}

const POLL_MS = 300
/** Looking takes a tenth of the time at most, unless it takes so long that nobody would wait for that. */
const LOOKING_SHARE = 10
const LONGEST_WAIT_MS = 5000

/**
 * Captures the directory, or with a marker its newest checkpoint, and again each time that there is another one, until the
 * signal is aborted; each version is the parent of the next. That there is no checkpoint yet is told as trouble. Throws USAGE
 * for a name that cannot follow and for what is not on this host, NOT_FOUND for a directory that is not there.
 */
export async function followCapture(
  store: Store,
  request: CaptureRequest,
  { onVersion, onTrouble, ...options }: CaptureOptions & FollowCaptureEvents,
): Promise<void> {
  const { operand, name, marker, quietMs, waitMs } = request
  refuseNumber(name)
  const filter = pathFilter(request)
  // Told now and not once the first checkpoint is there.
  if (marker !== undefined) pathFilter({ include: [marker] })
  let parent: ParentVersion | undefined =
    request.parent === undefined ? undefined : await parentCalled(store, request.parent)
  const here = await placeHere(operand, options)
  if (here === undefined) throw notHere(operand)
  if (!(await isPresent(here.directory))) {
    throw new BallastError('NOT_FOUND', `${here.directory}: no such directory`, {
      hint: 'make it before the job starts, or name the directory that it writes to',
    })
  }
  const wanted = { name, ...here, filter, marker, quietMs, waitMs }
  await keepUp(
    {
      find: () => findCandidate(wanted),
      patienceMs: waitMs ?? WAIT_MS,
      async capture() {
        const captured = await captureDirectory(store, { ...wanted, parent }, callsOf(options))
        parent = parentOf(captured)
        return captured
      },
    },
    { onVersion, onTrouble, signal: options.signal },
  )
}

interface Followed {
  readonly find: () => Promise<Candidate>
  /** How long a checkpoint may be torn before that is trouble: a job that writes one over the last takes its time. */
  readonly patienceMs: number
  readonly capture: () => Promise<CapturedDirectory>
}

async function keepUp(
  { find, patienceMs, capture }: Followed,
  { onVersion, onTrouble, signal }: FollowCaptureEvents & Pick<CallOptions, 'signal'>,
): Promise<void> {
  let state: string | undefined
  let told: Digest | undefined
  let wait = 0
  let tornSince: number | undefined
  const turn = async (): Promise<void> => {
    const started = performance.now()
    const found = await find().catch((error: unknown) => {
      if (!isBallastError(error) || !error.retryable) throw error
      tornSince ??= started
      if (started - tornSince >= patienceMs) throw error
      return undefined
    })
    wait = (performance.now() - started) * LOOKING_SHARE
    if (found === undefined) return
    tornSince = undefined
    if (keyOf({ ...found, state: stateOfScan(found) }) === state) return
    const captured = await capture()
    state = keyOf(captured)
    if (captured.digest !== told) onVersion(captured)
    told = captured.digest
  }
  let isFirst = true
  const pauseMs = (): number => {
    if (!isFirst) return Math.min(Math.max(POLL_MS, wait), LONGEST_WAIT_MS)
    isFirst = false
    return 0
  }
  await untilStopped(turn, { signal, pauseMs, onTrouble }).catch((error: unknown) => {
    // To be stopped is how following ends.
    if (!isBallastError(error, 'INTERRUPTED')) throw error
  })
}

function keyOf({ checkpoint = '', state }: { readonly checkpoint?: string; readonly state: Digest }): string {
  return `${checkpoint}\n${state}`
}

function parentOf({ ref, digest }: CapturedDirectory): ParentVersion {
  const [model = '', number = ''] = ref.split(':')
  return { model, number: Number(number), digest }
}

function callsOf({ signal, onProgress }: CallOptions): CallOptions {
  return { signal, onProgress }
}
