import { bytesContent, type Content } from '../core/index.ts'
import { LONG_BODY } from '../http/index.ts'

/** The length is told by who sends the body; nobody waits to be told to go on. */
const OF_THE_CONNECTION = ['host', 'content-length', 'expect', 'connection', 'transfer-encoding']

/** Of the headers that a library has signed, those that its request is sent with. */
export function headersToSend(headers: Iterable<readonly [string, string]>): Record<string, string> {
  const all = Array.from(headers, ([name, value]) => [name.toLowerCase(), value] as const)
  return Object.fromEntries(all.filter(([name]) => !OF_THE_CONNECTION.includes(name)))
}

export function bodyToSend(body: unknown): Content | undefined {
  if (body === undefined || body === null) return undefined
  if (typeof body === 'string') return bytesContent(Buffer.from(body))
  if (body instanceof Uint8Array) return bytesContent(body)
  throw new TypeError('a body of a kind that no command of ours has')
}

/** Whether so much is asked for that the answer is worth a connection of its own kind (`bulk`). */
export function isLongRead(method: string, range: string | undefined): boolean {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? []
  return method === 'GET' && Number(last) - Number(first) + 1 >= LONG_BODY
}
