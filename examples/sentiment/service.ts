import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { LoadedVariant, OpenedVariants } from 'ballast/runtime'
import type { SentimentModel } from './model.ts'

/** Undefined until the first load has ended. */
export type ServiceState = OpenedVariants<SentimentModel> | undefined

const LARGEST_BODY = 64 * 1024

const USAGE = `POST /predict with {"text": "..."}, or GET /predict?text=... (key=... or tenant=... in the query choose the variant)
GET /health says whether a model is loaded, and which version
`

const METHODS: Readonly<Record<string, string>> = { '/': 'GET', '/health': 'GET', '/predict': 'GET, POST' }

class RequestError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** Each request picks once, so that its answer is of one version even when that is replaced meanwhile. */
export function createService(take: () => ServiceState): RequestListener {
  return async (request, response) => {
    try {
      await answer(request, response, take)
    } catch (error) {
      if (response.headersSent || response.destroyed) return void response.destroy()
      const known = error instanceof RequestError
      sendJson(response, known ? error.status : 500, { error: known ? error.message : 'internal error' })
    }
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  take: () => ServiceState,
): Promise<void> {
  const url = parseUrl(request)
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /':
      response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end(USAGE)
      return
    case 'GET /health':
      return sendHealth(response, take())
    case 'GET /predict':
      return sendPrediction(response, checkText(url.searchParams.get('text')), pickFor(url, take()))
    case 'POST /predict':
      return sendPrediction(response, textOf(await readBody(request)), pickFor(url, take()))
  }
  const allowed = METHODS[url.pathname]
  if (allowed === undefined) throw new RequestError(404, `there is nothing at ${url.pathname}`)
  response.setHeader('allow', allowed)
  throw new RequestError(405, `${request.method} is not possible at ${url.pathname}`)
}

/** What `readiness` says in the form of this service, with the version inside of `model`. */
function sendHealth(response: ServerResponse, opened: ServiceState): void {
  if (opened === undefined) {
    sendJson(response, 503, { ready: false })
    return
  }
  const { ready, variants, refused, problem } = opened.readiness()
  const { picked } = usual(opened)
  sendJson(response, 200, {
    ...{ ready, ...describe({ picked }), source: picked.value.source },
    ...(variants && { variants }),
    ...(refused && { refused }),
    ...(problem !== undefined && { problem }),
  })
}

interface Picked {
  readonly picked: LoadedVariant<SentimentModel>
  /** Who asked by a key or for a tenant is told which variant that is. */
  readonly variant?: string
}

function pickFor({ searchParams }: URL, opened: ServiceState): Picked {
  if (opened === undefined) throw new RequestError(503, 'the model is not loaded yet')
  const [key, tenant] = ['key', 'tenant'].map((name) => searchParams.get(name) ?? undefined)
  if (key === undefined && tenant === undefined) return usual(opened)
  const picked = key === undefined ? opened.pick({ tenant: tenant ?? '' }) : opened.pick({ key, tenant })
  return { picked, variant: picked.variant }
}

/** For those who do not say who they are. */
function usual({ current: { loaded } }: OpenedVariants<SentimentModel>): Picked {
  return { picked: (loaded.find(({ variant }) => variant === 'stable') ?? loaded[0]) as Picked['picked'] }
}

function sendPrediction(response: ServerResponse, text: string, { picked, variant }: Picked): void {
  const prediction = picked.value.classify(text)
  sendJson(response, 200, { ...prediction, ...describe({ picked, ...(variant && { variant }) }) })
}

function describe({ picked: { model, value }, variant }: Picked): object {
  return { model: model.version ?? null, ...(variant && { variant }), stamps: value.stamps }
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  const text = `${JSON.stringify(body)}\n`
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
    .end(text)
}

/** The request line may hold a whole URL, or something that is none. */
function parseUrl(request: IncomingMessage): URL {
  const url = URL.parse(request.url ?? '', 'http://localhost')
  if (url === null) throw new RequestError(400, 'the request has no usable path')
  return url
}

async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length
    // Read to the end all the same: a connection that is cut would lose the answer.
    if (size <= LARGEST_BODY) parts.push(part)
  }
  if (size > LARGEST_BODY) throw new RequestError(413, `more than ${LARGEST_BODY} bytes`)
  return Buffer.concat(parts).toString('utf8')
}

function textOf(body: string): string {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    throw new RequestError(400, 'the body is not JSON')
  }
  return checkText((value as { readonly text?: unknown } | null)?.text)
}

function checkText(text: unknown): string {
  if (typeof text === 'string') return text
  throw new RequestError(400, '"text" is missing, or no text')
}
