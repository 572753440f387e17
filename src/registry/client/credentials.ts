import { join } from 'node:path'
import type { Login } from '../protocol/index.ts'
import { type AuthFile, readAuthFile } from './auth-file.ts'
import { askHelper } from './credential-helper.ts'
import { isHub, normalisePlace, type RepositoryPlace } from './endpoint.ts'

/** Where logins are kept. */
export interface LoginPlaces {
  /** Docker's configuration directory: its `config.json` is looked at first. */
  readonly dockerConfig: string
  /** Files as containers-auth.json(5) has them, looked at in this order where Docker's has no login. */
  readonly authFiles?: readonly string[] | undefined
  /** How long a credential helper may take, in milliseconds: it may ask its user something. */
  readonly helperTimeoutMs?: number | undefined
}

export const HELPER_TIMEOUT_MS = 60_000
/** What `docker login` calls Docker Hub. */
const HUB_KEY = 'https://index.docker.io/v1/'

/**
 * The login for a repository: its registry's credential helper, an entry for the repository or what it is below, the
 * helper for all registries, an entry for the registry. Undefined where there is none. Throws REFUSED for a file that
 * cannot be understood, UNAUTHORIZED for a helper that fails.
 */
export async function findLogin(places: LoginPlaces, place: RepositoryPlace): Promise<Login | undefined> {
  const wanted = normalisePlace(place)
  for (const path of [join(places.dockerConfig, 'config.json'), ...(places.authFiles ?? [])]) {
    const file = await readAuthFile(path)
    const login = file && (await findIn(file, wanted, places))
    if (login !== undefined) return login
  }
  return undefined
}

async function findIn(
  file: AuthFile,
  { host, name }: RepositoryPlace,
  { helperTimeoutMs = HELPER_TIMEOUT_MS }: Pick<LoginPlaces, 'helperTimeoutMs'>,
): Promise<Login | undefined> {
  const ask = (helper: string): Promise<Login | undefined> =>
    askHelper({ name: helper, server: keyOf(host), path: file.path, timeoutMs: helperTimeoutMs })
  const own = ownHelper(file, host)
  if (own !== undefined && own !== '') {
    const login = await ask(own)
    if (login !== undefined) return login
  }
  const specific = entryFor(
    file,
    parentsOf(name).map((parent) => `${host}/${parent}`),
  )
  if (specific !== undefined) return specific
  if (own === undefined && file.defaultHelper !== undefined) {
    const login = await ask(file.defaultHelper)
    if (login !== undefined) return login
  }
  return entryFor(file, [host])
}

/** What the login of a registry is stored under. */
export function keyOf(host: string): string {
  return isHub(host) ? HUB_KEY : host
}

/** The helper that is named for this registry; empty where none is to be asked. */
export function ownHelper({ helpers }: AuthFile, host: string): string | undefined {
  return [...helpers].find(([key]) => placeOfKey(key) === host)?.[1]
}

/** Of the first place that has one. A key that is the place itself counts before those that only mean it. */
function entryFor(file: AuthFile, places: readonly string[]): Login | undefined {
  for (const place of places) {
    const keys = file.keys.filter((key) => placeOfKey(key) === place)
    for (const key of keys.sort((a, b) => Number(b === place) - Number(a === place))) {
      const login = file.loginAt(key)
      if (login !== undefined) return login
    }
  }
  return undefined
}

/** `a/b/c`, `a/b`, `a`. */
function parentsOf(name: string): readonly string[] {
  const parts = name.split('/')
  return parts.map((_, index) => parts.slice(0, parts.length - index).join('/'))
}

/** `host` or `host/repository`. Whole URLs, as older versions of Docker wrote them, mean the host alone. */
export function placeOfKey(key: string): string {
  const rest = key.replace(/^https?:\/\//i, '').replace(/\/+$/, '')
  const [, given = '', path = ''] = /^([^/]*)\/?(.*)$/s.exec(rest) ?? []
  const host = isHub(given) ? normalisePlace({ host: given, name: '' }).host : given
  return rest !== key.replace(/\/+$/, '') || path === '' || /^v[12]$/.test(path) ? host : `${host}/${path}`
}
