import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import { listenOnLoopback } from '../fixtures/on-loopback.ts'

/** Answers one request, well or badly. */
export type Step = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

export interface ScriptedServer {
  /** `127.0.0.1:PORT` */
  readonly host: string
  /** `METHOD /path?query` of every request so far. */
  readonly requests: readonly string[]
  /** The `Authorization` of every request so far. */
  readonly authorizations: readonly (string | undefined)[]
}

/** Answers each request with the next step, and 500 once there are none left. Ends with the test. */
export async function startScriptedServer(
  context: TestContext,
  ...steps: readonly Step[]
): Promise<ScriptedServer> {
  const requests: string[] = []
  const authorizations: (string | undefined)[] = []
  const server = createServer((request, response) => {
    const step = steps[requests.length]
    requests.push(`${request.method} ${request.url}`)
    authorizations.push(request.headers.authorization)
    response.on('error', () => undefined)
    if (step === undefined) response.writeHead(500).end('the script is at its end')
    else void step(request, response)
  })
  const port = await listenOnLoopback(context, server)
  return { host: `127.0.0.1:${port}`, requests, authorizations }
}

/** Takes the whole request, then answers. */
export function reply(
  status: number,
  headers: Readonly<Record<string, string>> = {},
  body: string | Uint8Array = '',
): Step {
  return async (request, response) => {
    for await (const _ of request);
    response.writeHead(status, headers).end(body)
  }
}

/** Answers at the first byte of a body, and breaks the connection while the rest is still on its way. */
export function replyEarly(status: number, headers: Readonly<Record<string, string>>, body: string): Step {
  return (request, response) => {
    request.once('data', () => {
      request.pause()
      response.writeHead(status, { connection: 'close', ...headers }).end(body, () => {
        setTimeout(() => request.socket.resetAndDestroy(), 20)
      })
    })
  }
}

/** Takes the first byte of the body, or nothing where there is none, and breaks the connection. */
export const reset: Step = (request) => {
  request.once('data', () => request.socket.resetAndDestroy())
  request.once('end', () => request.socket.resetAndDestroy())
}

/** Never answers. */
export const hang: Step = (request) => {
  request.resume()
}
