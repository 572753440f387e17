import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { formatContentRange, formatUnsatisfied, parseRange } from '../../src/http/index.ts'
import { listenOnLoopback } from '../fixtures/on-loopback.ts'

export interface ServedFile {
  readonly bytes: Buffer
  readonly headers?: OutgoingHttpHeaders
}

export interface FileServer {
  /** `http://127.0.0.1:PORT` */
  readonly origin: string
  /** By path, `/model.bin`; may be changed at any time. */
  readonly files: Map<string, ServedFile>
  /** Bytes of bodies that have been handed to the system. */
  readonly sent: () => number
  /** `METHOD /path Range` of each request. */
  readonly requests: readonly string[]
}

export interface FileServerOptions {
  /** Without it, every answer holds the whole file. */
  readonly ranges?: boolean
  readonly etags?: boolean
  /** Answers instead of the server where it says true. */
  readonly instead?: (request: IncomingMessage, response: ServerResponse) => boolean
  /** What leaves the server of each piece; `undefined` breaks the connection. */
  readonly spoil?: (piece: Buffer, at: number) => Buffer | undefined
}

const PIECE = 64 * 1024

const known = new WeakMap<Buffer, string>()

function etagOf(bytes: Buffer): string {
  const etag = known.get(bytes) ?? `"${createHash('md5').update(bytes).digest('hex')}"`
  known.set(bytes, etag)
  return etag
}

/** A web server with files in memory: ranges, `If-Range`, ETags. Ends with the test. */
export async function startFileServer(
  t: { readonly after: (end: () => Promise<void>) => void },
  files: Readonly<Record<string, Buffer>>,
  { ranges = true, etags = true, instead, spoil = (piece) => piece }: FileServerOptions = {},
): Promise<FileServer> {
  const served = new Map(Object.entries(files).map(([path, bytes]) => [path, { bytes } as ServedFile]))
  const requests: string[] = []
  let sent = 0

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? '/', 'http://x')
    requests.push(`${request.method} ${request.url} ${request.headers.range ?? ''}`.trim())
    if (instead?.(request, response)) return
    const file = served.get(decodeURIComponent(pathname))
    if (file === undefined) {
      response.writeHead(404).end('no such file')
      return
    }
    const { bytes, headers = {} } = file
    const etag = etagOf(bytes)
    const known = request.headers['if-range']
    const isOther = known !== undefined && known !== etag
    const range = ranges && !isOther ? parseRange(request.headers.range, bytes.length) : 'whole'
    const common = { ...(ranges && { 'accept-ranges': 'bytes' }), ...(etags && { etag }), ...headers }
    if (range === 'unsatisfiable') {
      response.writeHead(416, { ...common, 'content-range': formatUnsatisfied(bytes.length) }).end()
      return
    }
    const { offset, length } = range === 'whole' ? { offset: 0, length: bytes.length } : range
    response.writeHead(range === 'whole' ? 200 : 206, {
      ...common,
      'content-length': length,
      ...(range !== 'whole' && { 'content-range': formatContentRange(range, bytes.length) }),
    })
    function* pieces(): Iterable<Buffer> {
      for (let at = offset; at < offset + length; at += PIECE) {
        const piece = spoil(bytes.subarray(at, Math.min(at + PIECE, offset + length)), at)
        if (piece === undefined) throw new Error('broken off, as planned')
        sent += piece.length
        yield piece
      }
    }
    await pipeline(Readable.from(pieces()), response).catch(() => request.socket.resetAndDestroy())
  }

  const server = createServer((request, response) => {
    response.on('error', () => undefined)
    void answer(request, response)
  })
  const port = await listenOnLoopback(t, server)
  return { origin: `http://127.0.0.1:${port}`, files: served, sent: () => sent, requests }
}
