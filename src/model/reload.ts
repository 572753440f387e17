import { BallastError } from '../core/index.ts'

/** How the application is told of a new version, by one of the first six or none, and how it shows that it serves it. */
export interface Reload {
  /** `POST http://localhost:8000/reload`; `{number}`, `{digest}`, `{model}` and `{name}` in it are filled in. */
  readonly http?: string | undefined
  readonly signal?: string | undefined
  /** For `sh -c`. */
  readonly command?: string | undefined
  readonly restart?: boolean | undefined
  /** Where a Triton Inference Server answers, `http://localhost:8000`; it says itself what it serves. */
  readonly triton?: string | undefined
  /** The same of TensorFlow Serving, or of an OpenVINO Model Server: `http://localhost:8501`. */
  readonly tfserving?: string | undefined
  /** Which containers are told, by name; `image`: those of the application's image that have the target mounted. */
  readonly containers?: readonly string[] | 'image' | undefined
  /** With `signal`: the file that has the number of the process on this host. */
  readonly pid?: string | undefined
  /** `one-by-one` where nothing is said: the next container is told once the one before serves. */
  readonly order?: ReloadOrder | undefined
  /** `GET http://localhost:8000/health` answers 200, `file:PATH` tells, or `command:COMMAND` ends with 0, once the new version serves. */
  readonly ready?: string | undefined
  /** A number with `ms`, `s` or `m`. */
  readonly within?: string | undefined
}

export const RELOAD_WAYS = ['http', 'signal', 'command', 'restart', 'triton', 'tfserving'] as const
/** Which of them are model servers, whose own calls say what they serve. */
export const RELOAD_SERVERS = ['triton', 'tfserving'] as const
export const RELOAD_ORDERS = ['one-by-one', 'all'] as const
export type ReloadOrder = (typeof RELOAD_ORDERS)[number]

/** What each text has to look like, and an example of it; as in `docs/ballast.schema.json`. */
export const RELOAD_TEXTS = {
  http: [/^(?:GET|POST|PUT) https?:\/\/\S+$/, 'POST http://localhost:8000/reload'],
  signal: [/^SIG[A-Z0-9]+$/, 'SIGHUP'],
  command: [/./, 'nginx -s reload'],
  triton: [/^https?:\/\/[^\s/]+\/?$/, 'http://localhost:8000'],
  tfserving: [/^https?:\/\/[^\s/]+\/?$/, 'http://localhost:8501'],
  pid: [/./, './run/api.pid'],
  ready: [
    /^(?:(?:GET|POST|PUT) https?:\/\/\S+|file:.+|command:.+)$/,
    'GET http://localhost:8000/health, file:PATH or command:COMMAND',
  ],
  within: [/^\d+(?:ms|s|m)$/, '30s'],
} as const satisfies Readonly<Record<string, readonly [RegExp, string]>>

export interface ReloadFlags {
  readonly reload?: string | undefined
  readonly ready?: string | undefined
  readonly within?: string | undefined
  readonly order?: string | undefined
}

/** What a command line says in place of `ballast.yaml`; undefined where it says nothing. Throws USAGE. */
export function parseReloadFlags({ reload, ready, within, order }: ReloadFlags): Reload | undefined {
  if (reload === undefined && ready === undefined) {
    const alone = within !== undefined ? '--within' : order !== undefined ? '--order' : undefined
    if (alone === undefined) return undefined
    throw new BallastError('USAGE', `${alone} goes with --reload or --ready`, { hint: 'add one of them' })
  }
  const found = RELOAD_ORDERS.find((one) => one === order)
  if (order !== undefined && found === undefined) {
    throw wrong('--order', order, RELOAD_ORDERS.join(' or '))
  }
  const way = reload === undefined ? {} : parseWay(reload)
  if (ready !== undefined && RELOAD_SERVERS.some((server) => way[server] !== undefined)) {
    throw new BallastError('USAGE', `--ready does not go with --reload ${reload}`, {
      hint: 'leave it out: the server is asked what it serves',
    })
  }
  return {
    ...way,
    ...(ready !== undefined && { ready: checked('ready', ready) }),
    ...(within !== undefined && { within: checked('within', within) }),
    ...(found !== undefined && { order: found }),
  }
}

const WHOM = /^(.+)@(container|pid):(.+)$/s

/** `WAY`, `WAY@container:NAME,NAME` or `WAY@pid:FILE`. */
function parseWay(text: string): Reload {
  const [, way = text, kind, names = ''] = /^command:/.test(text) ? [] : (WHOM.exec(text) ?? [])
  const containers = kind === 'container' ? { containers: listOf(names, text) } : {}
  const restart = /^restart:container:(.+)$/s.exec(text)
  if (restart !== null) return { restart: true, containers: listOf(restart[1] ?? '', text) }
  if (way.startsWith('command:')) return { command: way.slice('command:'.length).trim() || fail(text) }
  if (way.startsWith('signal:') && kind !== undefined) {
    const signal = way.slice('signal:'.length)
    if (!RELOAD_TEXTS.signal[0].test(signal)) fail(text)
    return { signal, ...(kind === 'pid' ? { pid: names } : containers) }
  }
  const [, server, url] = /^(triton|tfserving):(.*)$/s.exec(way) ?? []
  const found = RELOAD_SERVERS.find((one) => one === server)
  if (found !== undefined && url !== undefined) {
    if (!RELOAD_TEXTS[found][0].test(url) || kind === 'pid') fail(text)
    return { [found]: url, ...containers }
  }
  if (!RELOAD_TEXTS.http[0].test(way) || kind === 'pid') fail(text)
  return { http: way, ...containers }
}

function listOf(text: string, whole: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim())
  return names.some((name) => name === '') ? fail(whole) : names
}

function checked(key: 'ready' | 'within', text: string): string {
  const [pattern, example] = RELOAD_TEXTS[key]
  if (!pattern.test(text)) throw wrong(`--${key}`, text, example)
  return text
}

function fail(text: string): never {
  throw wrong(
    '--reload',
    text,
    "'POST http://localhost:8000/reload', signal:SIGHUP@container:NAME, signal:SIGHUP@pid:FILE, restart:container:NAME, triton:http://localhost:8000, tfserving:http://localhost:8501 or 'command:COMMAND'",
  )
}

function wrong(flag: string, text: string, example: string): BallastError {
  return new BallastError('USAGE', `${flag} ${text}: cannot be read`, { hint: `write it as ${example}` })
}
