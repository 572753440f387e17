import type { Storage } from '@google-cloud/storage'
import type { ByteRange } from '../core/index.ts'
import {
  createTransport,
  formatRange,
  type IncomingResponse,
  LONG_BODY,
  type Network,
  parseContentRange,
  readBeginning,
} from '../http/index.ts'

export interface GcsRead {
  readonly key: string
  /** The present one where none is named. */
  readonly generation?: string
  /** All of it where none is named. */
  readonly range?: ByteRange
}

/** The bytes of one answer. Throws what `gcsDialect` tells of, and REMOTE. */
export type GcsReads = (read: GcsRead, signal: AbortSignal | undefined) => Promise<AsyncIterable<Uint8Array>>

export interface GcsReadsOptions {
  readonly bucket: string
  readonly network: Network | undefined
  /** Whether the library's credentials are to be shown. */
  readonly hasLogin: boolean
}

/**
 * Reads objects as files of other servers are read, with the credentials that the library has found: its own streams make an object
 * of each packet, which takes five times the processor.
 */
export function gcsReads(storage: Storage, { bucket, network, hasLogin }: GcsReadsOptions): GcsReads {
  const send = createTransport({ peer: 'Google Cloud Storage', network })
  return async ({ key, generation, range }, signal) => {
    const path = [bucket, 'o', key].map(encodeURIComponent).join('/')
    const url = new URL(`${storage.baseUrl}/b/${path}`)
    url.search = `${new URLSearchParams({ alt: 'media', ...(generation && { generation }) })}`
    const login = hasLogin ? await storage.authClient.getRequestHeaders(url) : []
    const response = await send({
      method: 'GET',
      url,
      bulk: range !== undefined && range.length >= LONG_BODY,
      headers: {
        ...Object.fromEntries(login),
        ...(range && { range: formatRange(range) }),
        // What is stored is what counts, also where it is compressed.
        'accept-encoding': 'gzip',
      },
      signal,
    })
    if (isWhatWasAsked(response, range)) return response.body
    throw await refused(response)
  }
}

function isWhatWasAsked({ status, header }: IncomingResponse, range: ByteRange | undefined): boolean {
  if (range === undefined) return status === 200
  const got = parseContentRange(header('content-range'))
  return status === 206 && got?.offset === range.offset && got.length === range.length
}

const LONGEST_REASON = 1024

/** As the library's own errors are. */
async function refused(response: IncomingResponse): Promise<Error> {
  const reason = (await readBeginning(response, LONGEST_REASON)).toString('utf8', 0, LONGEST_REASON)
  const isError = response.status >= 400
  const message = isError ? reason : `another range than was asked for (HTTP ${response.status})`
  return Object.assign(new Error(message), { code: isError ? response.status : 502 })
}
