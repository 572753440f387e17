import { createServer as createPlainServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { BallastError } from '../../core/index.ts'
import { listen as startListening } from '../../http/index.ts'
import { isLoopback } from '../client/endpoint.ts'
import { createRegistryHandler, type HandlerOptions } from './handler.ts'
import type { RegistryStorage } from './storage.ts'

export interface StartOptions extends HandlerOptions {
  readonly storage: RegistryStorage
  /** 127.0.0.1 and any free port by default. */
  readonly listen?: { readonly host?: string; readonly port?: number }
  /** Certificate and key in PEM; with them it is https. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined
  /** Held at once; more are closed as they come. */
  readonly mostConnections?: number | undefined
}

export interface RunningRegistry {
  /** `http://127.0.0.1:5000` */
  readonly url: string
  /** `127.0.0.1:5000`, as references have it. */
  readonly host: string
  /** Lets running requests end for a moment, then ends them, and closes the storage. */
  close(): Promise<void>
}

/** A client that sends or takes nothing for this long is gone, in milliseconds. */
const IDLE_MS = 5 * 60_000
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
  const { storage, users, tls, listen: { host = '127.0.0.1', port = 0 } = {} } = options
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
  server.timeout = IDLE_MS
  server.keepAliveTimeout = 60_000
  server.maxConnections = options.mostConnections ?? MOST_CONNECTIONS
  const { address, close } = await startListening(server, { host, port })
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${address}`,
    host: address,
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
  try {
    return createTlsServer({ ...limits, ...tls, minVersion: 'TLSv1.2' }, handler)
  } catch (error) {
    throw new BallastError('REFUSED', 'the certificate and its key cannot be used', {
      cause: error,
      hint: 'both have to be in PEM, and belong to each other: openssl x509 -in CERT -noout -text',
    })
  }
}
