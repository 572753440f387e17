import { constants } from 'node:os'
import { BallastError, type Digest } from '../core/index.ts'
import type { Reload, ReloadOrder } from '../model/index.ts'

/** The version of which an application is told, and which it has to serve then. */
export interface ToldVersion {
  readonly model: string
  readonly digest: Digest
  readonly number: number
  /** By which a model server knows it: that of its link in the target. */
  readonly name: string
}

/** How the application is told; `none`: it notices by itself. */
export type Way =
  | { readonly kind: 'http'; readonly call: string }
  | { readonly kind: 'signal'; readonly signal: NodeJS.Signals }
  | { readonly kind: 'command'; readonly command: string }
  | { readonly kind: 'restart' }
  | { readonly kind: 'triton'; readonly url: string }
  | { readonly kind: 'none' }

/** Who is told: whoever is at the address or behind the command, a process of this host, or containers. */
export type Whom =
  | { readonly kind: 'one' }
  | { readonly kind: 'process'; readonly pidFile: string }
  | { readonly kind: 'containers'; readonly names: readonly string[] }
  | { readonly kind: 'image'; readonly image: string }

export type Ready =
  | { readonly kind: 'http'; readonly call: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'command'; readonly command: string }
  | { readonly kind: 'triton'; readonly url: string }

export interface ReloadPlan {
  /** The application, for messages; empty where it has no name. */
  readonly app: string
  readonly way: Way
  readonly whom: Whom
  readonly order: ReloadOrder
  readonly ready: Ready | undefined
  /** From when the version is told until it has to be served, for each that is told. */
  readonly withinMs: number
}

const USUAL_WITHIN_MS = 30_000

/** Throws USAGE where a signal or a restart is for nobody, and for a signal or an address that there cannot be. */
export function planReload(
  reload: Reload,
  { app = '', image }: { readonly app?: string | undefined; readonly image?: string | undefined } = {},
): ReloadPlan {
  const way = wayOf(reload)
  const ready = readyOf(reload)
  for (const one of [way, ready]) {
    if (one?.kind === 'http') checkCall(one.call)
    if (one?.kind === 'triton') checkCall(callAt(one.url, 'GET /'))
  }
  if (way.kind === 'signal' && !Object.hasOwn(constants.signals, way.signal)) {
    throw new BallastError('USAGE', `there is no signal ${way.signal}`, { hint: 'write SIGHUP, or SIGUSR1' })
  }
  return {
    app,
    way,
    whom: whomOf(reload, { way, app, image }),
    order: reload.order ?? 'one-by-one',
    ready,
    withinMs: reload.within === undefined ? USUAL_WITHIN_MS : millisecondsOf(reload.within),
  }
}

function checkCall(call: string): void {
  const [, url = ''] = call.split(' ')
  if (URL.canParse(url.replace(/[{}]/g, ''))) return
  throw new BallastError('USAGE', `${url} is no address`, { hint: 'write http://localhost:8000/reload' })
}

function wayOf({ http, signal, command, restart, triton }: Reload): Way {
  if (http !== undefined) return { kind: 'http', call: http }
  if (signal !== undefined) return { kind: 'signal', signal: signal as NodeJS.Signals }
  if (command !== undefined) return { kind: 'command', command }
  if (triton !== undefined) return { kind: 'triton', url: triton }
  return restart === true ? { kind: 'restart' } : { kind: 'none' }
}

function whomOf(
  { containers, pid }: Reload,
  { way, app, image }: { readonly way: Way; readonly app: string; readonly image: string | undefined },
): Whom {
  if (pid !== undefined) return { kind: 'process', pidFile: pid }
  if (Array.isArray(containers)) return { kind: 'containers', names: containers }
  const needsContainers = containers === 'image' || way.kind === 'signal' || way.kind === 'restart'
  if (!needsContainers) return { kind: 'one' }
  if (image !== undefined) return { kind: 'image', image }
  throw new BallastError(
    'USAGE',
    `reload${app === '' ? '' : ` of ${app}`} does not say for which containers`,
    {
      hint: 'name them (containers: [api-1, api-2]), or the image of the application',
    },
  )
}

/** Undefined where nothing that says so is declared. */
export function readyOf({ ready, triton, tfserving }: Reload): Ready | undefined {
  if (triton !== undefined) return { kind: 'triton', url: triton }
  // It looks for versions itself, and has no call for that by HTTP.
  if (tfserving !== undefined) return { kind: 'http', call: callAt(tfserving, 'GET /v1/models/{name}') }
  return ready === undefined ? undefined : readReady(ready)
}

/** `GET http://localhost:8000/v1/models` of `GET /v1/models`. */
export function callAt(url: string, call: string): string {
  const [method, path] = call.split(' ')
  return `${method} ${url.replace(/\/$/, '')}${path}`
}

function readReady(text: string): Ready {
  if (text.startsWith('file:')) return { kind: 'file', path: text.slice('file:'.length) }
  if (text.startsWith('command:')) return { kind: 'command', command: text.slice('command:'.length) }
  return { kind: 'http', call: text }
}

/** What it has run on this host by a shell. */
export function commandsOf({ way, ready }: Pick<ReloadPlan, 'way' | 'ready'>): readonly string[] {
  return [way, ready].flatMap((one) => (one?.kind === 'command' ? [one.command] : []))
}

/** What a timer of Node.js can wait for. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** Of a number with `ms`, `s` or `m`. */
export function millisecondsOf(text: string): number {
  const [, number = '0', unit = 's'] = /^(\d+)(ms|s|m)$/.exec(text) ?? []
  return Math.min(Number(number) * ({ ms: 1, s: 1000, m: 60_000 }[unit] ?? 1000), LONGEST_TIMER_MS)
}

/** Whether what is asked names the version itself, so that a plain yes is about that one. */
export function namesVersion(call: string): boolean {
  return /\{(?:number|digest)\}/.test(call)
}

/** Puts the version into a call. */
export function fillIn(call: string, { model, digest, number, name }: ToldVersion): string {
  const parts: Readonly<Record<string, string>> = {
    number: `${number}`,
    digest,
    model: encodeURIComponent(model),
    name: encodeURIComponent(name),
  }
  return call.replace(/\{(number|digest|model|name)\}/g, (_, key: string) => parts[key] ?? '')
}

/** What commands find in their environment. */
export function versionVariables({ model, digest, number }: ToldVersion): Readonly<Record<string, string>> {
  return { BALLAST_MODEL: model, BALLAST_DIGEST: digest, BALLAST_NUMBER: `${number}` }
}
