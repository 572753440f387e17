import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Balancer {
  readonly url: string
  /** How often a backend gave no answer, so that the next was asked. */
  readonly retries: () => number
  close(): Promise<void>
}

/** For how long a request waits for some backend to come back. */
const PATIENCE_MS = 10_000

/**
 * Passes GET requests on to one port after the other. As real ones do (nginx, `proxy_next_upstream error http_503`), it asks the
 * next where a connection is refused or breaks before any part of an answer, or the backend says that it does not serve yet;
 * what fails behind that is the client's failure.
 */
export async function startBalancer(ports: readonly number[]): Promise<Balancer> {
  let turn = 0
  let retries = 0
  const agent = new Agent({ keepAlive: false })
  const passLater = (incoming: IncomingMessage, outgoing: ServerResponse, until: number): void => {
    retries++
    if (performance.now() < until) setTimeout(() => pass(incoming, outgoing, until), 5)
    else outgoing.writeHead(502).end()
  }
  const pass = (incoming: IncomingMessage, outgoing: ServerResponse, until: number): void => {
    const port = ports[turn++ % ports.length]
    const asked = request({ host: '127.0.0.1', port, path: incoming.url, agent }, (answer) => {
      if (answer.statusCode === 503) {
        answer.resume()
        return passLater(incoming, outgoing, until)
      }
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.on('error', () => outgoing.destroy())
      answer.pipe(outgoing)
    })
    asked.once('error', () => {
      if (outgoing.headersSent) outgoing.destroy()
      else passLater(incoming, outgoing, until)
    })
    asked.end()
  }
  const server = createServer((incoming, outgoing) =>
    pass(incoming, outgoing, performance.now() + PATIENCE_MS),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    retries: () => retries,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
