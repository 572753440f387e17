import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

/** An Engine as if it were on another host, and what is asked of it. */
export interface EngineProxy {
  /** `tcp://127.0.0.1:PORT`, or `unix://PATH`, for DOCKER_HOST. */
  readonly host: string
  /** `POST /images/load`, without the API's version, since the last reset. */
  readonly calls: string[]
  /** Bytes of the bodies of those calls. */
  readonly sent: number
  readonly reset: () => void
}

/**
 * Passes everything on to the Engine at a socket of this machine, but for calls that it refuses as an Engine that fails; closed with the
 * test. Listens at a socket too where `at` names one.
 */
export async function startEngineProxy(
  t: TestContext,
  { at, refuses = () => false }: { readonly at?: string; readonly refuses?: (call: string) => boolean } = {},
): Promise<EngineProxy> {
  const socketPath = '/var/run/docker.sock'
  const calls: string[] = []
  let sent = 0
  const server = createServer((incoming, outgoing) => {
    const { method, url: path = '', headers } = incoming
    const call = `${method} ${path.replace(/^\/v[\d.]+/, '').replace(/\?.*$/, '')}`
    calls.push(call)
    if (refuses(call)) {
      outgoing.writeHead(500).end(JSON.stringify({ message: 'device or resource busy' }))
      return
    }
    const forwarded = request({ socketPath, method, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
      answer.once('error', () => outgoing.destroy())
    })
    forwarded.once('error', () => outgoing.destroy())
    // A client that is gone reads no answer, and an answer that nobody reads keeps this process.
    outgoing.once('close', () => forwarded.destroy())
    incoming.on('data', (chunk: Buffer) => {
      sent += chunk.length
    })
    incoming.once('error', () => forwarded.destroy())
    incoming.pipe(forwarded)
  })
  if (at === undefined) server.listen(0, '127.0.0.1')
  else server.listen(at)
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    host: at === undefined ? `tcp://127.0.0.1:${(server.address() as AddressInfo).port}` : `unix://${at}`,
    calls,
    get sent() {
      return sent
    },
    reset() {
      calls.length = 0
      sent = 0
    },
  }
}
