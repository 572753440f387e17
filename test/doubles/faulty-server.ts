import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { digestOf } from '../../src/core/index.ts'
import { listenOnLoopback } from '../fixtures/on-loopback.ts'
import { type Fault, type Occasion, type Plan, placeIn, spoil } from './faulty-plan.ts'

export interface FaultyServer {
  /** `127.0.0.1:PORT`, which stands in for the registry behind it. */
  readonly host: string
  /** Every request so far, and what was done to it. */
  readonly log: readonly (Occasion & { readonly fault: Fault | undefined })[]
  /** Bytes of the bodies that have been sent to blobs, as far as they came. */
  readonly uploaded: () => number
  /** How often the other host, to which it redirects, was asked, and how often it was shown a login by that. */
  readonly elsewhere: { readonly asked: number; readonly shown: number }
}

interface Passed {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly bytes: Buffer
}

/**
 * Passes requests on to a registry on this machine, and does to each what the plan says. Bodies are held in memory: it is
 * made for small ones. Ends with the test.
 */
export async function startFaultyServer(
  t: { readonly after: (end: () => Promise<void>) => void },
  { target, plan }: { readonly target: string; readonly plan: Plan },
): Promise<FaultyServer> {
  const log: (Occasion & { readonly fault: Fault | undefined })[] = []
  let uploaded = 0
  const elsewhere = await startElsewhere(t, target)
  const server = createServer((incoming, outgoing) => {
    const occasion = { index: log.length, method: incoming.method ?? '', path: incoming.url ?? '' }
    const fault = plan(occasion)
    log.push({ ...occasion, fault })
    outgoing.on('error', () => undefined)
    const count = (bytes: number): void => {
      if (/\/blobs\//.test(occasion.path)) uploaded += bytes
    }
    const lead = elsewhere.lead
    handle(target, { incoming, outgoing, fault, count, lead }).catch(() => outgoing.destroy())
  })
  const port = await listenOnLoopback(t, server)
  return { host: `127.0.0.1:${port}`, log, uploaded: () => uploaded, elsewhere: elsewhere.seen }
}

/** Where some registries keep their blobs: a host that is told by the URL alone who may have them. */
async function startElsewhere(t: Parameters<typeof startFaultyServer>[0], target: string) {
  const led: { readonly path: string; readonly authorization: string | undefined }[] = []
  const seen = { asked: 0, shown: 0 }
  const server = createServer((incoming, outgoing) => {
    seen.asked++
    if (incoming.headers.authorization !== undefined) seen.shown++
    const { path, authorization } = led[Number(incoming.url?.slice(1))] ?? { path: '/' }
    const { authorization: _, ...own } = incoming.headers
    const headers = { ...own, ...(authorization !== undefined && { authorization }) }
    const { method } = incoming
    outgoing.on('error', () => undefined)
    pass(target, { method, url: path, headers }, Buffer.alloc(0))
      .then((passed) => answer(outgoing, { passed, fault: undefined, withoutBody: method === 'HEAD' }))
      .catch(() => outgoing.destroy())
  })
  const port = await listenOnLoopback(t, server, '127.0.0.2')
  return {
    seen,
    lead({ url = '/', headers: { authorization } }: IncomingMessage): string {
      led.push({ path: url, authorization })
      return `http://127.0.0.2:${port}/${led.length - 1}`
    },
  }
}

interface Exchange {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
  readonly fault: Fault | undefined
  readonly count: (bytes: number) => void
  /** The URL at the other host for what is asked for. */
  readonly lead: (incoming: IncomingMessage) => string
}

async function handle(target: string, { incoming, outgoing, fault, count, lead }: Exchange): Promise<void> {
  if (fault?.kind === 'delay') await sleep(fault.ms)
  if (isOf(fault, 'sent') && (fault.kind === 'reset' || fault.kind === 'stall')) {
    return breakOff(target, { incoming, fault, count })
  }
  if (fault?.kind === 'status') {
    const headers = { 'content-type': 'text/plain' }
    return early({ incoming, outgoing, count }, { status: fault.status, headers, bytes: PLANNED })
  }
  if (fault?.kind === 'expired' && isWithToken(incoming)) {
    const { method, url, headers } = incoming
    const { 'content-length': _, 'transfer-encoding': __, ...own } = headers
    const asked = { method, url, headers: { ...own, authorization: 'Bearer expired' } }
    return early({ incoming, outgoing, count }, await pass(target, asked, Buffer.alloc(0)))
  }
  const sent = await buffer(incoming)
  count(sent.length)
  if (fault?.kind === 'redirect' && /\/blobs\/sha256:/.test(incoming.url ?? '')) {
    return void outgoing.writeHead(307, { location: lead(incoming) }).end()
  }
  const isMount = /\/blobs\/uploads\/\?mount=/.test(incoming.url ?? '')
  if (fault?.kind === 'mount' && isMount && fault.status !== 202) {
    return void outgoing.writeHead(fault.status).end()
  }
  const passed = await pass(target, asPlanned(incoming, fault), spoil(sent, fault, 'sent'))
  await answer(outgoing, { passed, fault, withoutBody: incoming.method === 'HEAD' })
}

type Passing = Pick<IncomingMessage, 'method' | 'url' | 'headers'>

/** What the registry gets to see of a request. */
function asPlanned({ method, url = '/', headers }: IncomingMessage, fault: Fault | undefined): Passing {
  const { range: _, ...whole } = headers
  if (fault?.kind === 'no-ranges') return { method, url, headers: whole }
  if (fault?.kind === 'mount') return { method, url: url.replace(/\?mount=.*$/, ''), headers }
  return { method, url, headers }
}

function isWithToken({ headers }: IncomingMessage): boolean {
  return headers.authorization?.startsWith('Bearer ') === true
}

const PLANNED = Buffer.from('as planned')

/** Answers without waiting for the body, as registries do that do not want it. */
async function early(
  { incoming, outgoing, count }: Pick<Exchange, 'incoming' | 'outgoing' | 'count'>,
  { status, headers, bytes }: Passed,
): Promise<void> {
  const length = Number(incoming.headers['content-length'] ?? 0)
  const { connection: _, 'transfer-encoding': __, ...kept } = headers
  outgoing.writeHead(status, { ...kept, ...(length > 0 && { connection: 'close' }) })
  outgoing.end(incoming.method === 'HEAD' ? undefined : bytes)
  if (length === 0) return
  const { socket } = incoming
  const before = socket.bytesRead
  outgoing.once('close', () => count(Math.min(length, socket.bytesRead - before)))
}

/** Passes a part of the request on, and then nothing more. */
async function breakOff(
  target: string,
  {
    incoming,
    fault: { kind, at },
    count,
  }: Pick<Exchange, 'incoming' | 'count'> & {
    readonly fault: { readonly kind: string; readonly at: number }
  },
): Promise<void> {
  const { method, url: path, headers } = incoming
  const [host, port] = target.split(':')
  const forwarded = request({ host, port, method, path, headers }).on('error', () => undefined)
  let left = Math.floor(at * Number(headers['content-length'] ?? 0))
  if (left > 0) {
    for await (const chunk of incoming.iterator({ destroyOnReturn: false })) {
      const part = (chunk as Buffer).subarray(0, left)
      left -= part.length
      count(part.length)
      await new Promise((resolve) => forwarded.write(part, resolve))
      if (left <= 0) break
    }
  }
  forwarded.destroy()
  if (kind === 'reset') incoming.socket.resetAndDestroy()
}

function pass(target: string, { method, url: path, headers }: Passing, body: Buffer): Promise<Passed> {
  const [host, port] = target.split(':')
  // A length only where the client sent one: GET has no body at all.
  const length = headers['content-length'] === undefined ? {} : { 'content-length': body.length }
  return new Promise((resolve, reject) => {
    const forwarded = request(
      { host, port, method, path, headers: { ...headers, ...length } },
      (answered) => {
        buffer(answered).then(
          (bytes) => resolve({ status: answered.statusCode ?? 502, headers: answered.headers, bytes }),
          reject,
        )
      },
    )
    forwarded.once('error', reject).end(body)
  })
}

async function answer(
  outgoing: ServerResponse,
  {
    passed: { status, headers, bytes },
    fault,
    withoutBody,
  }: { readonly passed: Passed; readonly fault: Fault | undefined; readonly withoutBody: boolean },
): Promise<void> {
  const spoiled = spoil(bytes, fault, 'answered')
  const { connection: _, 'transfer-encoding': __, ...kept } = headers
  // Where bytes are missing or too many, half of the faults leave the length as it was and half make it fit.
  const fits = fault !== undefined && 'at' in fault && fault.at < 0.5
  const length = withoutBody || !fits ? {} : { 'content-length': spoiled.length }
  outgoing.writeHead(fault?.kind === 'whole' && status === 206 ? 200 : status, {
    ...kept,
    ...length,
    ...changedHeaders(headers, fault),
  })
  if (withoutBody) return void outgoing.end()
  if (isOf(fault, 'answered') && (fault.kind === 'reset' || fault.kind === 'stall')) {
    const part = bytes.subarray(0, bytes.length === 0 ? 0 : placeIn(bytes, fault.at))
    outgoing.flushHeaders()
    await new Promise((resolve) => outgoing.write(part.length === 0 ? ' '.repeat(0) : part, resolve))
    if (fault.kind === 'reset') outgoing.socket?.resetAndDestroy()
    return
  }
  if (fault?.kind === 'slow') {
    for (let at = 0; at < spoiled.length; at += Math.ceil(spoiled.length / 5)) {
      await sleep(fault.ms)
      outgoing.write(spoiled.subarray(at, at + Math.ceil(spoiled.length / 5)))
    }
    return void outgoing.end()
  }
  outgoing.end(spoiled)
}

function changedHeaders(
  headers: IncomingHttpHeaders,
  fault: Fault | undefined,
): Readonly<Record<string, string>> {
  const { 'content-length': length, 'content-range': range, 'docker-content-digest': digest } = headers
  if (fault?.kind === 'length' && length !== undefined) {
    return { 'content-length': `${Math.max(0, Number(length) + fault.by)}` }
  }
  if (fault?.kind === 'range' && range !== undefined) {
    return { 'content-range': range.replace(/\d+/g, (number) => `${Math.max(0, Number(number) + fault.by)}`) }
  }
  return fault?.kind === 'digest' && digest !== undefined
    ? { 'docker-content-digest': digestOf('a lie') }
    : {}
}

function isOf<S extends 'sent' | 'answered'>(
  fault: Fault | undefined,
  side: S,
): fault is Extract<Fault, { readonly side: unknown }> {
  return fault !== undefined && 'side' in fault && fault.side === side
}
