import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { BallastError, explainSystemError, systemCode } from '../core/index.ts'

export interface Listening {
  /** `127.0.0.1:5000`, `[::1]:5000` */
  readonly address: string
  /** Lets running requests end for a moment, then ends them. */
  readonly close: () => Promise<void>
}

const GRACE_MS = 5_000

/** Port 0 takes any free one. Throws CONFLICT for a port in use, REFUSED for one that this user may not have, USAGE. */
export async function listen(
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<Listening> {
  const shown = host.includes(':') ? `[${host}]` : host
  server.listen(port, host)
  await once(server, 'listening').catch((error: unknown) => {
    throw explainListen(error, `${shown}:${port}`)
  })
  const address = `${shown}:${(server.address() as AddressInfo).port}`
  return { address, close: () => closeServer(server) }
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
