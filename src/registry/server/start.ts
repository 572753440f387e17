import { createServer } from 'node:http'
import { BallastError } from '../../core/index.ts'
import { listen as startListening } from '../../http/index.ts'
import { isLoopback } from '../client/endpoint.ts'
import { createRegistryHandler, type HandlerOptions } from './handler.ts'
import type { RegistryStorage } from './storage.ts'

export interface StartOptions extends HandlerOptions {
  readonly storage: RegistryStorage
  /** 127.0.0.1 and any free port by default. */
  readonly listen?: { readonly host?: string; readonly port?: number }
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
const IDLE_MS = 15 * 60_000

/**
 * Serves a registry over plain http. Throws REFUSED for an address that others can reach without credentials,
 * CONFLICT for a port in use.
 */
export async function startRegistry(options: StartOptions): Promise<RunningRegistry> {
  const { storage, credentials, listen: { host = '127.0.0.1', port = 0 } = {} } = options
  const shown = host.includes(':') ? `[${host}]` : host
  if (credentials === undefined && !isLoopback(shown)) {
    throw new BallastError(
      'REFUSED',
      `on ${host}, anybody who reaches this machine could change its models`,
      {
        hint: 'ask for a login (ballast serve --credentials FILE), or listen on 127.0.0.1',
      },
    )
  }
  const server = createServer(createRegistryHandler(storage, options))
  // An upload of many gigabytes takes as long as it takes; only silence ends it.
  server.requestTimeout = 0
  server.timeout = IDLE_MS
  server.keepAliveTimeout = 60_000
  const { address, close } = await startListening(server, { host, port })
  return {
    url: `http://${address}`,
    host: address,
    async close() {
      await close()
      await storage.close()
    },
  }
}
