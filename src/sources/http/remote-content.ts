import { BallastError, type ByteRange, type Content } from '../../core/index.ts'
import {
  bodyOfRange,
  formatRange,
  type IncomingResponse,
  LONG_BODY,
  parseTotal,
  type Send,
} from '../../http/index.ts'

/** Where a content is asked for, and as whom. */
export interface Place {
  readonly send: Send
  readonly url: URL
  /** Names in lower case. They go to this host alone. */
  readonly headers: Readonly<Record<string, string>>
  /** For people. */
  readonly what: string
  /** What an answer of an unexpected status means. */
  readonly refused: (response: IncomingResponse) => BallastError
}

/** By which a content is told from a later one at the same place (RFC 9110, 8.8). */
export interface Validators {
  readonly etag: string | undefined
  readonly lastModified: string | undefined
}

/** What is at a place now. */
export interface Found extends Validators {
  readonly size: number
  /** Whether parts can be had. */
  readonly ranges: boolean
  /** Where the redirects end. */
  readonly url: URL
  readonly header: IncomingResponse['header']
}

/**
 * Asks for the first byte: unlike HEAD, that works with signed URLs, and shows whether parts can be had. Throws what
 * the place says, and REFUSED for a content without a length or in another form than its own.
 */
export async function lookAt(place: Place, signal?: AbortSignal): Promise<Found> {
  const headers = { ...place.headers, range: formatRange({ offset: 0, length: 1 }) }
  // Over a connection on which the first part may follow.
  const response = await place.send({ method: 'GET', url: place.url, headers, bulk: true, signal })
  await response.discard()
  const { status, header, url } = response
  if (![200, 206, 416].includes(status)) throw place.refused(response)
  const size = status === 200 ? lengthOf(header('content-length')) : parseTotal(header('content-range'))
  const encoding = header('content-encoding') ?? 'identity'
  if (encoding !== 'identity') {
    throw new BallastError('REFUSED', `${response.peer} sends ${place.what} in ${encoding} alone`, {
      hint: 'its length and digest are not those of the file: download it with another tool and add the file',
    })
  }
  if (size === undefined) {
    throw new BallastError('REFUSED', `${response.peer} does not say how long ${place.what} is`, {
      hint: 'what breaks off would not be noticed: download it with another tool and add the file',
    })
  }
  const validators = validatorsOf(header)
  return { size, ranges: status !== 200, url, header, ...validators }
}

/**
 * The content that was found at a place. Where the redirects led is asked directly, and anew once that is over, as it is of
 * signed URLs. A read that breaks off is not tried again here.
 */
export function remoteContent(place: Place, found: Found): Content {
  const { size } = found
  let { url } = found
  return {
    size,
    ownChunks: true,
    async *open(range = { offset: 0, length: size }, signal) {
      if (range.length === 0) return
      let response = await ask(place, found, { url, range, signal })
      if ([400, 401, 403, 404, 410].includes(response.status) && url.href !== place.url.href) {
        await response.discard()
        response = await ask(place, found, { url: place.url, range, signal })
      }
      const problem = whyNot(response, place, found)
      if (problem !== undefined) {
        await response.discard()
        throw problem
      }
      url = response.url
      yield* bodyOfRange(response, { range, size, what: place.what })
    },
  }
}

interface Asked {
  readonly url: URL
  readonly range: ByteRange
  readonly signal: AbortSignal | undefined
}

function ask(
  { send, url: own, headers }: Place,
  { size, ranges, etag, lastModified }: Found,
  { url, range, signal }: Asked,
): Promise<IncomingResponse> {
  const isWhole = range.length === size || !ranges
  // A weak validator does not say that the bytes are the same (RFC 9110, 13.1.5).
  const unless = etag !== undefined && !etag.startsWith('W/') ? etag : lastModified
  return send({
    method: 'GET',
    url,
    bulk: range.length >= LONG_BODY,
    headers: {
      ...(url.origin === own.origin && headers),
      ...(!isWhole && { range: formatRange(range), ...(unless && { 'if-range': unless }) }),
    },
    signal,
  })
}

function whyNot(response: IncomingResponse, place: Place, found: Found): BallastError | undefined {
  const { status, header } = response
  if (status === 416 || status === 412) return replaced(response, place)
  if (status !== 200 && status !== 206) return place.refused(response)
  const size = status === 200 ? lengthOf(header('content-length')) : parseTotal(header('content-range'))
  const now = validatorsOf(header)
  const differs = (before: unknown, after: unknown): boolean =>
    before !== undefined && after !== undefined && before !== after
  const isOther =
    differs(found.size, size) ||
    differs(found.etag, now.etag) ||
    (found.etag === undefined && differs(found.lastModified, now.lastModified))
  return isOther ? replaced(response, place) : undefined
}

function replaced({ peer }: IncomingResponse, { what }: Place): BallastError {
  return new BallastError('REFUSED', `${what} was replaced at ${peer} while it was read`, {
    hint: 'run the command again to get the new one',
  })
}

function validatorsOf(header: IncomingResponse['header']): Validators {
  return { etag: header('etag'), lastModified: header('last-modified') }
}

function lengthOf(header: string | undefined): number | undefined {
  return header !== undefined && /^\d+$/.test(header) ? Number(header) : undefined
}
