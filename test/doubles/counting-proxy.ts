import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface CountingProxy {
  /** `127.0.0.1:PORT`, which stands in for the registry behind it. */
  readonly host: string
  /** Bytes of request bodies since the last reset, by kind of request. */
  readonly sent: { blobs: number; manifests: number; requests: number }
  /** Bytes of the bodies of answers to GET since the last reset, by kind of request. */
  readonly received: { blobs: number; manifests: number }
  readonly reset: () => void
  readonly close: () => Promise<void>
}

/** Passes everything on to a registry on this machine, and counts what clients send and get. */
export async function startCountingProxy(target: {
  readonly host: string
  readonly port: number
}): Promise<CountingProxy> {
  const sent = { blobs: 0, manifests: 0, requests: 0 }
  const received = { blobs: 0, manifests: 0 }
  const server = createServer((incoming, outgoing) => {
    sent.requests++
    const kind = incoming.url?.includes('/manifests/') === true ? 'manifests' : 'blobs'
    const { method, url: path, headers } = incoming
    const forwarded = request({ ...target, method, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      // Not the `{}` with which a registry says that it is one.
      if (method === 'GET' && /\/(?:blobs|manifests)\//.test(path ?? '')) {
        answer.on('data', (chunk: Buffer) => {
          received[kind] += chunk.length
        })
      }
      answer.pipe(outgoing)
    })
    forwarded.once('error', () => outgoing.destroy())
    // A client that goes away is gone for the registry as well.
    outgoing.once('close', () => forwarded.destroy())
    incoming.on('data', (chunk: Buffer) => {
      sent[kind] += chunk.length
    })
    incoming.pipe(forwarded)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    sent,
    received,
    reset() {
      Object.assign(sent, { blobs: 0, manifests: 0, requests: 0 })
      Object.assign(received, { blobs: 0, manifests: 0 })
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
