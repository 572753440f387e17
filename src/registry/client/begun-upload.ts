import { BallastError, type CallOptions, type Content, throwIfAborted } from '../../core/index.ts'
import { type IncomingResponse, unlessAborted } from '../../http/index.ts'
import type { BlobUpload } from '../../oci/index.ts'
import { pushScope } from '../protocol/index.ts'
import { askOnce, type Connection } from './connection.ts'
import { BYTES, cancelSession, endSession, locationOf, openSession } from './upload-session.ts'

/** For a registry to say where the session is once nothing more is sent, in milliseconds. */
const STOP_MS = 1_000

/**
 * An upload whose digest is not known yet: POST, all bytes as one PATCH of unannounced length, as `docker push` sends
 * them, and once the digest is known an empty PUT (distribution-spec, "Pushing a blob in chunks"). Nothing is tried twice:
 * `putBlob` does that, and some registries take no such PATCH. What was sent is compared with the digest by the registry
 * alone: whoever learns the digest meanwhile has read the same content, and to hash it twice takes longer than to send it.
 */
export function beginBlob(
  connection: Connection,
  { name, content }: { readonly name: string; readonly content: Content },
  { signal }: CallOptions = {},
): BlobUpload {
  const what = 'an upload'
  const stop = new AbortController()
  const stopped = either(signal, stop.signal)
  let session: URL | undefined

  async function drop(): Promise<void> {
    const dropped = session
    session = undefined
    if (dropped !== undefined) await cancelSession(connection, { name, session: dropped })
  }

  async function send(broken: AbortSignal): Promise<void> {
    const scopes = [pushScope(name)]
    session = await openSession(connection, { name, what, signal: broken })
    throwIfAborted(stopped)
    const body = endingEarly(content, stopped)
    const sending = { method: 'PATCH', url: session, headers: BYTES, body, openEnded: true } as const
    const taken = await askOnce(
      connection,
      { ...sending, scopes, signal: broken },
      { statuses: [200, 201, 202, 204], what },
    )
    await taken.discard()
    session = locationOf(taken)
    throwIfAborted(stopped)
    refusePart(taken, content.size)
  }

  const sent = soonAfter(stopped, send).then(
    () => true,
    async () => {
      await drop()
      return false
    },
  )
  async function cancel(): Promise<void> {
    stop.abort(new BallastError('INTERRUPTED', 'the upload is not needed'))
    await sent
    await drop()
  }

  return {
    sent,
    cancel,
    async finish(blob, options = {}) {
      const wanted = either(options.signal, stopped)
      try {
        if (!(await unlessAborted(sent, wanted)) || session === undefined) return false
        if (content.size !== blob.size) return false
        const ending = { name, what: `the upload of ${blob.digest}`, session, blob, signal: wanted }
        await endSession(connection, ending)
        session = undefined
        return true
      } catch {
        throwIfAborted(options.signal)
        throwIfAborted(signal)
        return false
      } finally {
        await cancel()
      }
    },
  }
}

function either(signal: AbortSignal | undefined, other: AbortSignal): AbortSignal {
  return signal === undefined ? other : AbortSignal.any([signal, other])
}

/**
 * Ends as if that were all once the signal is aborted. A connection that is cut would leave the session at a place that
 * only the registry knows, and docker-registry cancels none without it.
 */
function endingEarly(content: Content, stopped: AbortSignal): Content {
  return {
    size: content.size,
    async *open() {
      let size = 0
      for await (const chunk of content.open()) {
        if (stopped.aborted) return
        size += chunk.length
        yield chunk
      }
      if (size === content.size) return
      throw new BallastError('DAMAGED', `an upload: ${content.size} bytes expected, ${size} found`)
    },
  }
}

/** Gives the work a signal that is aborted a moment after `stopped` is. */
async function soonAfter<T>(stopped: AbortSignal, work: (broken: AbortSignal) => Promise<T>): Promise<T> {
  const broken = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const wait = (): void => {
    timer = setTimeout(() => broken.abort(stopped.reason), STOP_MS)
  }
  if (stopped.aborted) wait()
  stopped.addEventListener('abort', wait, { once: true })
  try {
    return await work(broken.signal)
  } finally {
    clearTimeout(timer)
    stopped.removeEventListener('abort', wait)
  }
}

/** A registry may take less than it is sent, and says so: `Range: 0-1023`. */
function refusePart({ header, url }: IncomingResponse, size: number): void {
  const [, last] = /^(?:bytes=)?0-(\d+)$/.exec(header('range')?.trim() ?? '') ?? []
  if (last === undefined || Number(last) === size - 1 || size === 0) return
  throw new BallastError('REMOTE', `registry ${url.host} took a part of an upload`)
}
