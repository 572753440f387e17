import { createServer as createPlainServer, type Server } from 'node:http'
import { createServer as createTlsServer, Server as TlsServer } from 'node:https'
import { BallastError } from '../../core/index.ts'
import { listen as startListening } from '../../http/index.ts'
import { isLoopback } from '../client/endpoint.ts'
import { createRegistryHandler, type HandlerOptions } from './handler.ts'
import type { RegistryStorage } from './storage.ts'

export interface StartOptions extends HandlerOptions {
  readonly storage: RegistryStorage
  /** 127.0.0.1 and any free port by default. */
  readonly listen?: { readonly host?: string; readonly port?: number }
  /** With it, it is https. */
  readonly tls?: Certificate | undefined
  /** Held at once; more are closed as they come. */
  readonly mostConnections?: number | undefined
  /** How long a client may move next to nothing, in milliseconds. */
  readonly idleMs?: number | undefined
}

export interface RunningRegistry {
  /** `http://127.0.0.1:5000` */
  readonly url: string
  /** `127.0.0.1:5000`, as references have it. */
  readonly host: string
  /** New connections get another certificate. Throws REFUSED for one that cannot be used; the former one stays then. */
  renew(tls: Certificate): void
  /** Lets running requests end for a moment, then ends them, and closes the storage. */
  close(): Promise<void>
}

/** Certificate and key in PEM. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** A client that sends or takes nothing for this long is gone, in milliseconds. */
const IDLE_MS = 5 * 60_000
/** In bytes. Who moves less than this in that time, while something is asked for, is as good as gone. */
const LEAST_PROGRESS = 64 * 1024
/** Who has not said by then what it wants never will. */
const HEADERS_MS = 20_000
/** In bytes: a token and a few names. */
const LARGEST_HEADERS = 16 * 1024
/** Each costs a descriptor and some memory, whether it does anything or not. */
const MOST_CONNECTIONS = 4096

/**
 * Serves a registry. Throws REFUSED for an address that others can reach without a login, and for a certificate or a key
 * that is none, CONFLICT for a port in use.
 */
export async function startRegistry(options: StartOptions): Promise<RunningRegistry> {
  const { storage, users, tls, idleMs = IDLE_MS } = options
  const { host = '127.0.0.1', port = 0 } = options.listen ?? {}
  const shown = host.includes(':') ? `[${host}]` : host
  if (users === undefined && !isLoopback(shown)) {
    throw new BallastError(
      'REFUSED',
      `on ${host}, anybody who reaches this machine could change its models`,
      {
        hint: 'ask for a login (ballast serve --credentials FILE), or listen on 127.0.0.1',
      },
    )
  }
  const server = createServer(options)
  // An upload of many gigabytes takes as long as it takes; only silence ends it.
  server.requestTimeout = 0
  server.headersTimeout = HEADERS_MS
  server.timeout = idleMs
  boundSlowness(server, idleMs)
  server.keepAliveTimeout = 60_000
  server.maxConnections = options.mostConnections ?? MOST_CONNECTIONS
  const { address, close } = await startListening(server, { host, port })
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${address}`,
    host: address,
    renew(other) {
      if (server instanceof TlsServer) explained(() => server.setSecureContext({ ...TLS, ...other }))
    },
    async close() {
      await close()
      await storage.close()
    },
  }
}

function createServer({ storage, tls, ...options }: StartOptions): Server {
  const handler = createRegistryHandler(storage, options)
  const limits = { maxHeaderSize: LARGEST_HEADERS, connectionsCheckingInterval: HEADERS_MS / 4 }
  if (tls === undefined) return createPlainServer(limits, handler)
  return explained(() => createTlsServer({ ...limits, ...TLS, ...tls }, handler))
}

const TLS = { minVersion: 'TLSv1.2' } as const

/** A client that takes or sends a byte now and then would hold its connection, and what stands behind it, for good. */
function boundSlowness(server: Server, ms: number): void {
  server.on('request', ({ socket }, outgoing) => {
    const moved = (): number => socket.bytesRead + socket.bytesWritten - socket.writableLength
    let before = moved()
    const timer = setInterval(() => {
      const now = moved()
      if (now - before < LEAST_PROGRESS) socket.destroy()
      before = now
    }, ms)
    outgoing.once('close', () => clearInterval(timer))
  })
}

function explained<T>(use: () => T): T {
  try {
    return use()
  } catch (error) {
    throw new BallastError('REFUSED', 'the certificate and its key cannot be used', {
      cause: error,
      hint: 'both have to be in PEM, and belong to each other: openssl x509 -in CERT -noout -text',
    })
  }
}
