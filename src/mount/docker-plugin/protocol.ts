import type { IncomingMessage, ServerResponse } from 'node:http'
import { BallastError, isBallastError, redact } from '../../core/index.ts'
import { type Json, objectOf, parseJson } from '../../model/index.ts'
import { sentenceOf, type VolumeStatus, type Volumes } from './volumes.ts'

/** docker/docs, "Docker Volume Plugins". Podman speaks the same, with shorter patience. */
const MEDIA_TYPE = 'application/vnd.docker.plugins.v1.1+json'
const LARGEST_BODY = 1024 * 1024
/** Docker waits two minutes for a mount. */
const DOCKER_PATIENCE_MS = 110_000
/** Podman waits five seconds for anything; it says what it sends, which Docker does not. */
const PODMAN_PATIENCE_MS = 4_000

/**
 * Answers one call. Failures have status 500 and `Err`: Docker takes either for a failure, Podman only the status. The
 * body is JSON whatever its header says. An empty one is what Docker sends again after a connection broke: it is refused
 * wherever a name is needed, never guessed.
 */
export async function answerCall(
  volumes: Volumes,
  {
    request,
    response,
    log,
  }: { request: IncomingMessage; response: ServerResponse; log: (line: string) => void },
): Promise<void> {
  const method = (request.url ?? '').replace(/^\//, '').split('?')[0] ?? ''
  try {
    const call = CALLS[method]
    if (request.method !== 'POST' || call === undefined) {
      send(response, 404, { Err: `the plugin has no ${request.method} ${request.url}` })
      return
    }
    const body = await readBody(request)
    send(response, 200, { ...(await call(volumes, body, { request, response })), Err: '' })
  } catch (error) {
    const text = redact(sentenceOf(error))
    // Engines ask for volumes of everybody, and before they create one.
    const isNews = method !== 'VolumeDriver.Get' || !isBallastError(error, 'NOT_FOUND')
    if (isNews) log(`${method}: ${isBallastError(error) ? text : ((error as Error).stack ?? text)}`)
    send(response, 500, { Err: text })
  }
}

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

type Call = (volumes: Volumes, body: Json, exchange: Exchange) => Promise<Json> | Json

const CALLS: Readonly<Record<string, Call>> = {
  'Plugin.Activate': () => ({ Implements: ['VolumeDriver'] }),
  'VolumeDriver.Capabilities': () => ({ Capabilities: { Scope: 'local' } }),
  'VolumeDriver.List': (volumes) => ({
    Volumes: volumes.list().map(({ name, mountpoint }) => ({ Name: name, Mountpoint: mountpoint })),
  }),
  'VolumeDriver.Get': (volumes, body) => ({ Volume: describe(volumes.get(nameIn(body))) }),
  'VolumeDriver.Path': (volumes, body) => ({ Mountpoint: volumes.get(nameIn(body)).mountpoint }),
  'VolumeDriver.Create': async (volumes, body) => {
    await volumes.create(nameIn(body), objectOf(body.Opts))
    return {}
  },
  'VolumeDriver.Remove': async (volumes, body) => {
    await volumes.remove(nameIn(body))
    return {}
  },
  'VolumeDriver.Mount': mount,
  'VolumeDriver.Unmount': async (volumes, body) => {
    await volumes.unmount(nameIn(body), textIn(body, 'ID'))
    return {}
  },
}

/** Whoever hung up never unmounts: what was mounted for them is taken back. */
async function mount(volumes: Volumes, body: Json, { request, response }: Exchange): Promise<Json> {
  const name = nameIn(body)
  const id = textIn(body, 'ID')
  const isPodman = request.headers['content-type'] !== undefined
  const mountpoint = await volumes.mount(name, {
    id,
    isGone: () => response.destroyed,
    patienceMs: isPodman ? PODMAN_PATIENCE_MS : DOCKER_PATIENCE_MS,
  })
  const takeBack = (): void => {
    if (!response.writableFinished) void volumes.unmount(name, id).catch(() => undefined)
  }
  if (response.destroyed) takeBack()
  else response.once('close', takeBack)
  return { Mountpoint: mountpoint }
}

function describe({ name, mountpoint, created, options, users, served }: VolumeStatus): Json {
  const status = {
    ref: options.ref,
    follow: options.follow,
    rw: options.rw,
    users,
    // What its containers have, or had the last time.
    ...(served && { digest: served.digest, version: served.number }),
  }
  return { Name: name, Mountpoint: mountpoint, CreatedAt: created, Status: status }
}

function nameIn(body: Json): string {
  return textIn(body, 'Name')
}

function textIn(body: Json, field: string): string {
  const value = body[field]
  if (typeof value === 'string' && value !== '') return value
  throw new BallastError('USAGE', `the call names no ${field}`, {
    hint: 'the Engine may have sent it a second time without its body; repeat the command',
  })
}

async function readBody(request: IncomingMessage): Promise<Json> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length
    // Read to its end all the same: nobody reads an answer before they have sent everything.
    if (size <= LARGEST_BODY) parts.push(part)
  }
  if (size > LARGEST_BODY) throw new BallastError('USAGE', 'the call has more than 1 MiB')
  const bytes = Buffer.concat(parts)
  if (bytes.toString('utf8').trim() === '') return {}
  const body = parseJson(bytes)
  if (body === undefined) throw new BallastError('USAGE', 'the call is not a JSON object')
  return body
}

function send(response: ServerResponse, status: number, body: Json): void {
  if (response.destroyed) return
  const text = `${JSON.stringify(body)}\n`
  response.writeHead(status, { 'content-type': MEDIA_TYPE, 'content-length': Buffer.byteLength(text) })
  response.end(text)
}
