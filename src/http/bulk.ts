import { connect as connectPlain, isIP, type Socket, type TcpSocketConnectOpts } from 'node:net'
import { type ConnectionOptions, connect as connectSecure } from 'node:tls'
import { PIECE_SIZE, takePiece } from '../core/index.ts'
import { type PlainHead, parsePlainHead } from './bulk-head.ts'
import { hostOf } from './host.ts'

/** An answer whose bytes have been left where the system put them. */
export interface BulkAnswer extends PlainHead {
  /** To be read to its end, or left early; each chunk is the reader's own. */
  readonly body: AsyncGenerator<Uint8Array, void>
}

export interface BulkRequest {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

export interface BulkPool {
  /**
   * GET. Undefined where the answer is no plain one: whoever asks reads it by other means. Throws what the connection
   * throws, and what the signal was aborted for.
   */
  get(request: BulkRequest): Promise<BulkAnswer | undefined>
}

const LARGEST_HEAD = 64 * 1024
/** Of a short body: what is on its way to the disk is lost when the process is killed. */
const PIECES = 32
/** Pieces that wait for their reader, before the sender is held back. */
const MOST_WAITING = 2
/** In milliseconds. A slow sender's bytes are not kept back for longer than this: what is kept is lost in a kill. */
const SHOWN_MS = 50
/** Servers close idle connections after five seconds and more. */
const IDLE_MS = 4_000

/**
 * Long bodies, by connections of their own: the system writes them into the memory in which they are handed on. A parser
 * that takes each packet as an object, as undici and node:http have it, needs five times the processor for the same bytes,
 * and would be what limits a fast link.
 */
export function createBulkPool(tls: ConnectionOptions): BulkPool {
  const idle = new Map<string, Line[]>()
  /** Origins that have answered otherwise: to ask them twice each time would be rude. */
  const others = new Set<string>()

  async function askOn(line: Line, { url, headers, signal }: BulkRequest): Promise<BulkAnswer | undefined> {
    const stop = (): void => line.fail(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    const over = (isClean: boolean): void => {
      signal.removeEventListener('abort', stop)
      if (isClean) {
        line.rest(IDLE_MS)
        idle.set(url.origin, [...(idle.get(url.origin) ?? []), line])
      } else {
        line.end()
      }
    }
    try {
      if (signal.aborted) stop()
      const head = await line.ask(formatRequest(url, headers))
      if (head !== undefined) return { ...head, body: bodyOf(line, head, over) }
      over(false)
      if (line.answeredOtherwise()) others.add(url.origin)
      return undefined
    } catch (error) {
      over(false)
      throw error
    }
  }

  return {
    async get(request) {
      const { url, signal } = request
      if (others.has(url.origin)) return undefined
      const kept = idle.get(url.origin) ?? []
      for (let line = kept.pop(); line !== undefined; line = kept.pop()) {
        if (!line.isClean()) continue
        try {
          return await askOn(line, request)
        } catch (error) {
          // The other side may have given it up just now.
          if (signal.aborted) throw error
        }
      }
      return askOn(await openLine(url, tls, signal), request)
    },
  }
}

async function* bodyOf(
  line: Line,
  { length, keepsAlive }: PlainHead,
  over: (isClean: boolean) => void,
): AsyncGenerator<Uint8Array, void> {
  let left = length
  try {
    while (left > 0) {
      const piece = await line.next()
      left -= piece.length
      yield piece
    }
  } finally {
    over(left === 0 && keepsAlive && line.isClean())
  }
}

function formatRequest(url: URL, headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries({ host: url.host, ...headers }).map(([name, value]) => {
    // What would be a line of its own there.
    if (/[\r\n\0]/.test(value)) throw new TypeError(`the header ${name} has a line break`)
    return `${name}: ${value}\r\n`
  })
  return `GET ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join('')}\r\n`
}

/** A connection with one request at a time. */
interface Line {
  /** Sends a request; undefined where what comes back is no plain answer. */
  ask(request: string): Promise<PlainHead | undefined>
  /** Whether what came back, no plain answer, was no error either: those say nothing of how bodies come. */
  answeredOtherwise(): boolean
  /** The next piece of the body. */
  next(): Promise<Uint8Array>
  /** Whether another request may follow: nothing has come behind the body, and nothing broke. */
  isClean(): boolean
  /** Keeps the connection for so many milliseconds, for another request; it holds no process. */
  rest(ms: number): void
  fail(error: unknown): void
  end(): void
}

async function openLine(url: URL, tls: ConnectionOptions, signal: AbortSignal): Promise<Line> {
  const line = createLine()
  const host = hostOf(url)
  const isSecure = url.protocol === 'https:'
  // An address is no name to be served by (RFC 6066, 3): it is held against the certificate all the same.
  const options = {
    host,
    port: Number(url.port || (isSecure ? 443 : 80)),
    onread: { buffer: line.space, callback: line.received },
    noDelay: true,
  }
  const socket = isSecure
    ? connectSecure({
        ...tls,
        ...options,
        servername: isIP(host) === 0 ? host : '',
        ALPNProtocols: ['http/1.1'],
      })
    : connectPlain(options as TcpSocketConnectOpts)
  line.attach(socket)
  await new Promise<void>((resolve, reject) => {
    const stop = (): void => {
      socket.destroy()
      reject(signal.reason)
    }
    signal.addEventListener('abort', stop, { once: true })
    socket.once('error', reject)
    socket.once(isSecure ? 'secureConnect' : 'connect', () => {
      signal.removeEventListener('abort', stop)
      socket.off('error', reject)
      resolve()
    })
    if (signal.aborted) stop()
  })
  return line
}

interface UnattachedLine extends Line {
  readonly space: () => Buffer
  readonly received: (count: number) => boolean
  readonly attach: (socket: Socket) => void
}

function createLine(): UnattachedLine {
  let socket: Socket | undefined
  let failure: { readonly error: unknown } | undefined
  let wake: (() => void) | undefined
  /** What the system writes into, and how much of it is full. */
  let memory = Buffer.allocUnsafeSlow(LARGEST_HEAD)
  let full = 0
  let head: PlainHead | 'awaited' | 'strange' = 'awaited'
  let left = 0
  let pieceSize = PIECE_SIZE
  let shown = 0
  let excess = false
  let success = false
  let resting: NodeJS.Timeout | undefined
  const pieces: Uint8Array[] = []

  const fail = (error: unknown): void => {
    failure ??= { error }
    socket?.destroy()
    wake?.()
  }
  const more = async (isThere: () => boolean): Promise<void> => {
    while (!isThere() && failure === undefined) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    if (failure !== undefined && !isThere()) throw failure.error
  }

  /** Asked for by the socket before it reads on: behind a body, the next head comes into it. */
  function begin(): void {
    const size = left > 0 ? Math.min(left, pieceSize) : LARGEST_HEAD
    memory = size === PIECE_SIZE ? takePiece() : Buffer.allocUnsafeSlow(size)
    full = 0
  }

  function show(): void {
    if (full > 0) pieces.push(memory.subarray(0, full))
    shown = performance.now()
    begin()
    wake?.()
  }

  function readHead(): void {
    const end = memory.subarray(0, full).indexOf('\r\n\r\n')
    if (end < 0) {
      if (full === memory.length) head = 'strange'
      return
    }
    const text = memory.toString('latin1', 0, end)
    success = /^HTTP\/1\.\d 2/.test(text)
    head = parsePlainHead(text) ?? 'strange'
    if (head === 'strange') return
    const begun = memory.subarray(end + 4, full)
    left = head.length - begun.length
    excess = left < 0
    pieceSize = Math.min(PIECE_SIZE, Math.max(64 * 1024, Math.ceil(head.length / PIECES)))
    if (begun.length > 0 && !excess) pieces.push(begun)
    shown = performance.now()
    begin()
  }

  return {
    space: () => memory.subarray(full),
    received(count) {
      full += count
      if (head === 'awaited') {
        readHead()
        wake?.()
      } else if (head !== 'strange') {
        left -= count
        excess ||= left < 0
        if (full === memory.length || left <= 0 || performance.now() - shown > SHOWN_MS) show()
      }
      return pieces.length <= MOST_WAITING
    },
    attach(to) {
      socket = to
      const broken = Object.assign(new Error('the connection was closed'), { code: 'ECONNRESET' })
      to.on('error', fail)
      to.on('end', () => fail(broken))
      to.on('close', () => fail(broken))
    },
    async ask(request) {
      head = 'awaited'
      left = 0
      clearTimeout(resting)
      socket?.ref()
      socket?.write(request)
      await more(() => head !== 'awaited')
      const answered = head as PlainHead | 'strange'
      return answered === 'strange' || excess ? undefined : answered
    },
    answeredOtherwise: () => success,
    async next() {
      await more(() => pieces.length > 0)
      const piece = pieces.shift() as Uint8Array
      if (pieces.length === MOST_WAITING) socket?.resume()
      return piece
    },
    isClean: () => !excess && failure === undefined,
    rest(ms) {
      resting = setTimeout(() => socket?.destroy(), ms).unref()
      socket?.unref()
    },
    fail,
    end: () => void socket?.destroy(),
  }
}
