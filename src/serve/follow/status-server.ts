import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type Listening, listen, METRICS_TYPE } from '../../http/index.ts'
import { type Credentials, isAuthorized, isLocalHost, isLoopback } from '../../registry/index.ts'
import { type DiskMeasure, formatMetrics } from './metrics.ts'
import type { TargetStatus } from './target-status.ts'

export interface StatusServerOptions {
  readonly listen: { readonly host: string; readonly port: number }
  /** Asked for metrics and targets; without them these answer on loopback only. Health answers everybody. */
  readonly credentials: Credentials | undefined
  readonly statuses: () => readonly TargetStatus[]
  readonly disk: () => Promise<DiskMeasure | undefined>
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly text: string
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * `/healthz` while the process is at work; `/readyz`, 200 once every target has been delivered, else 503 and which has not, and
 * why; `/metrics` for Prometheus; `/targets`. Throws as `listen` does.
 */
export async function startStatusServer(options: StatusServerOptions): Promise<Listening> {
  const { host } = options.listen
  const isPublic = !isLoopback(host.includes(':') ? `[${host}]` : host)
  const server = createServer((request, response) => {
    answer(request, { ...options, isPublic }).then(
      (answered) => write(response, answered, request.method === 'HEAD'),
      () => write(response, text(500, 'this failed'), false),
    )
  })
  return listen(server, options.listen)
}

async function answer(
  request: IncomingMessage,
  { credentials, statuses, disk, isPublic }: StatusServerOptions & { readonly isPublic: boolean },
): Promise<Answer> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, 'only GET is answered')
  const path = (request.url ?? '').split('?')[0]
  if (path === '/healthz') return text(200, 'ok')
  if (path === '/readyz') return readiness(statuses())
  if (path !== '/metrics' && path !== '/targets') {
    return text(404, 'there are /healthz, /readyz, /metrics and /targets')
  }
  const refused = refusalOf(request, { credentials, isPublic })
  if (refused !== undefined) return refused
  if (path === '/targets') return json(200, { targets: statuses() })
  const body = formatMetrics({ targets: statuses(), disk: await disk(), now: Date.now() })
  return { status: 200, type: METRICS_TYPE, text: body }
}

function refusalOf(
  { headers }: IncomingMessage,
  { credentials, isPublic }: { readonly credentials: Credentials | undefined; readonly isPublic: boolean },
): Answer | undefined {
  if (credentials !== undefined) {
    if (isAuthorized(headers.authorization, credentials)) return undefined
    const headersToo = { 'www-authenticate': 'Basic realm="ballast", charset="UTF-8"' }
    return { ...text(401, 'a user name and password are needed'), headers: headersToo }
  }
  if (isPublic) return text(403, 'this is told others only with a login: ballast serve --credentials FILE')
  // No web page can reach it by a name of its own.
  return isLocalHost(headers.host) ? undefined : text(403, 'this answers only to localhost and addresses')
}

function readiness(statuses: readonly TargetStatus[]): Answer {
  const waiting = statuses.filter(({ is }) => is === 'waiting')
  const targets = waiting.map(({ ref, to, trouble }) => ({
    ref,
    to,
    why: trouble?.message ?? 'it is being delivered',
  }))
  return json(waiting.length === 0 ? 200 : 503, { ready: waiting.length === 0, waiting: targets })
}

function text(status: number, line: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', text: `${line}\n` }
}

function json(status: number, value: unknown): Answer {
  return { status, type: 'application/json', text: `${JSON.stringify(value)}\n` }
}

function write(
  response: ServerResponse,
  { status, type, text: body, headers }: Answer,
  isHead: boolean,
): void {
  response.writeHead(status, {
    ...headers,
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  response.end(isHead ? undefined : body)
}
