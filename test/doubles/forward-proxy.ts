import { createServer, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { listenOnLoopback } from '../fixtures/on-loopback.ts'

export interface ForwardProxy {
  /** For HTTP_PROXY and HTTPS_PROXY. */
  readonly url: string
  /** Whom it was asked to lead to, each once: `GET registry.example:5000`, `CONNECT registry.example:443`. */
  readonly asked: () => readonly string[]
}

/** A proxy as companies have them, by absolute URLs and by CONNECT; whatever the host, it leads to one port of this machine. */
export async function startForwardProxy(
  t: TestContext,
  { targetPort }: { readonly targetPort: number },
): Promise<ForwardProxy> {
  const asked = new Set<string>()
  const target = { host: 'localhost', port: targetPort }
  const sockets = new Set<Socket>()
  const server = createServer((incoming, outgoing) => {
    const { host, pathname, search } = new URL(incoming.url ?? '')
    asked.add(`${incoming.method} ${host}`)
    const { method, headers } = incoming
    const forwarded = request({ ...target, method, path: `${pathname}${search}`, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    forwarded.once('error', () => outgoing.destroy())
    outgoing.once('close', () => forwarded.destroy())
    incoming.pipe(forwarded)
  })
  server.on('connect', (incoming, client: Socket) => {
    asked.add(`CONNECT ${incoming.url}`)
    const tunnel = connect(target, () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      client.pipe(tunnel).pipe(client)
    })
    for (const socket of [client, tunnel]) {
      sockets.add(socket)
      socket.on('error', () => {
        client.destroy()
        tunnel.destroy()
      })
    }
  })
  t.after(() => {
    for (const socket of sockets) socket.destroy()
  })
  const port = await listenOnLoopback(t, server)
  return { url: `http://127.0.0.1:${port}`, asked: () => [...asked].sort() }
}
