import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { BallastError, explainSystemError, systemCode } from '../../core/index.ts'
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
const GRACE_MS = 5_000

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
  server.listen(port, host)
  await once(server, 'listening').catch((error: unknown) => {
    throw explainListen(error, `${shown}:${port}`)
  })
  const address = `${shown}:${(server.address() as AddressInfo).port}`
  return {
    url: `http://${address}`,
    host: address,
    async close() {
      await closeServer(server)
      await storage.close()
    },
  }
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), GRACE_MS)
  await closed
  clearTimeout(timer)
}

function explainListen(error: unknown, address: string): unknown {
  const code = systemCode(error)
  if (code === 'EADDRINUSE') {
    return new BallastError('CONFLICT', `${address} is in use by another program`, {
      cause: error,
      hint: 'choose another port, or end the other program',
    })
  }
  if (code === 'EACCES') {
    return new BallastError('REFUSED', `${address}: this user may not listen there`, {
      cause: error,
      hint: 'choose a port from 1024 on',
    })
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new BallastError('USAGE', `${address} is not an address of this machine`, { cause: error })
  }
  return explainSystemError(error)
}
