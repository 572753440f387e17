import {
  BallastError,
  type CallOptions,
  type Content,
  isBallastError,
  metered,
  throwIfAborted,
} from '../../core/index.ts'
import { waitToRetry } from '../../http/index.ts'
import type { BlobDescriptor } from '../../oci/index.ts'
import { capabilitiesOf } from '../protocol/index.ts'
import { hasBlob } from './blobs.ts'
import type { Connection } from './connection.ts'
import { isOutOfOrder } from './refusals.ts'
import type { UploadJournal } from './upload-journal.ts'
import {
  appendChunk,
  cancelSession,
  endSession,
  openSession,
  stateOfSession,
  type UploadState,
} from './upload-session.ts'

export interface BlobToPut {
  readonly name: string
  readonly blob: BlobDescriptor
  readonly content: Content
  readonly journal?: UploadJournal | undefined
}

/**
 * Uploads a blob: an empty POST, which also settles redirects and authentication, then one PUT with the bytes
 * (distribution-spec, "POST then PUT"), or PATCHes before it where the registry takes no request of that size. What breaks
 * off goes on where the registry says that it stopped, also, with a journal, when the process is another one by now; where
 * the registry does not say, it begins anew. Throws DAMAGED when `content` is not what `blob` says.
 */
export async function putBlob(
  connection: Connection,
  asked: BlobToPut,
  { signal, onProgress }: CallOptions = {},
): Promise<void> {
  const { name, blob, content, journal } = asked
  if (content.size !== blob.size) {
    throw new BallastError('DAMAGED', `${blob.digest}: ${blob.size} bytes expected, ${content.size} found`)
  }
  const item = blob.digest
  const what = `the upload of ${item}`
  const key = `${connection.host}/${name}@${item}`
  const call = { name, what, signal }
  const count = (bytes: number): void => onProgress?.({ kind: 'bytes', step: 'upload', item, count: bytes })
  const { forgets = false } = capabilitiesOf(connection.host)

  async function goOn(session: URL | undefined): Promise<UploadState | undefined> {
    if (session === undefined) return undefined
    const nothing = { session, received: 0 }
    const asked = forgets ? nothing : stateOfSession(connection, { ...call, session })
    const state = await Promise.resolve(asked).catch((error: unknown) => unlessAborted(error) ?? nothing)
    // One byte and none look the same.
    if (state === undefined || (state.received > 0 && state.received <= blob.size)) return state
    await cancelSession(connection, { name, session })
    return undefined
  }

  async function giveUp(session: URL | undefined): Promise<void> {
    if (session !== undefined) await cancelSession(connection, { name, session })
    await journal?.put(key, undefined)
  }

  let state = await goOn(await journal?.find(key))
  let hasStartedOver = false
  for (let tries = 0; ; ) {
    throwIfAborted(signal)
    const from = state?.received ?? 0
    try {
      onProgress?.({ kind: 'start', step: 'upload', item, total: blob.size - from })
      state ??= { session: await openSession(connection, call), received: 0 }
      await journal?.put(key, state.session)
      const reached = async (next: UploadState): Promise<void> => {
        state = next
        await journal?.put(key, next.session)
      }
      await sendRest(connection, { ...asked, ...call, state, count, reached })
      break
    } catch (error) {
      const session = state?.session
      const mayGoOn = signal?.aborted || (isBallastError(error) && error.retryable)
      const isStuck = isOutOfOrder(error) && connection.retryDelays[tries] === undefined
      if ((!mayGoOn || isStuck) && from > 0 && !hasStartedOver) {
        // What others, or a broken connection, left there may not be what it should.
        hasStartedOver = true
        await giveUp(session)
        state = undefined
        continue
      }
      await waitToRetry(error, connection.retryDelays[tries], signal).catch(async (final: unknown) => {
        if (!mayGoOn || journal === undefined) await giveUp(session)
        throw final
      })
      state = await goOn(session)
      tries = (state?.received ?? 0) > from ? 0 : tries + 1
      // The answer may have been lost, and nothing else.
      const mayBeThere = session !== undefined && state === undefined
      if (mayBeThere && (await hasBlob(connection, { name, blob }, { signal }).catch(unlessAborted))) break
    }
  }
  await journal?.put(key, undefined)
  onProgress?.({ kind: 'done', step: 'upload', item, digest: blob.digest })
}

interface Sending extends BlobToPut {
  readonly what: string
  readonly signal: AbortSignal | undefined
  readonly state: UploadState
  readonly count: (bytes: number) => void
  readonly reached: (state: UploadState) => Promise<void>
}

async function sendRest(
  connection: Connection,
  { name, what, signal, blob, content, state, count, reached }: Sending,
): Promise<void> {
  const largest = capabilitiesOf(connection.host).largestRequest ?? blob.size
  const part = (offset: number, size: number): Content => ({
    size,
    open: () => {
      // Whole, it is verified while it is read.
      const chunks = size === blob.size ? content.open() : content.open({ offset, length: size })
      return metered(chunks, count, signal)
    },
  })
  let { session, received } = state
  while (blob.size - received > largest) {
    const chunk = { offset: received, body: part(received, largest) }
    const next = await appendChunk(connection, { name, what, signal, session, chunk })
    await reached(next)
    session = next.session
    received = next.received
  }
  const rest = { offset: received, body: part(received, blob.size - received) }
  await endSession(connection, { name, what, signal, session, blob, rest })
}

function unlessAborted(error: unknown): undefined {
  if (isBallastError(error, 'INTERRUPTED') || !isBallastError(error)) throw error
  return undefined
}
