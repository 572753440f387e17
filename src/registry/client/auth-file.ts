import { readFile } from 'node:fs/promises'
import { BallastError, isSystemError } from '../../core/index.ts'
import { type Json, parseJson } from '../../model/index.ts'
import { decodePair, type Login } from '../protocol/index.ts'

/** Docker's `config.json`, or `auth.json` as containers-auth.json(5) has it: the same form. */
export interface AuthFile {
  readonly path: string
  /** By whatever key the entry stands under; empty ones are left out. Throws REFUSED for one that is no login. */
  readonly loginAt: (key: string) => Login | undefined
  readonly keys: readonly string[]
  /** Helpers by registry. An empty name means that none is to be asked. */
  readonly helpers: ReadonlyMap<string, string>
  /** The helper for all other registries. */
  readonly defaultHelper: string | undefined
}

/** Undefined where there is no such file. Throws REFUSED for one that cannot be understood. */
export async function readAuthFile(path: string): Promise<AuthFile | undefined> {
  const bytes = await readFile(path).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  })
  if (bytes === undefined) return undefined
  // Tools that are stopped while they write it leave it empty.
  const config = bytes.length === 0 ? {} : parseJson(bytes)
  if (config === undefined) throw malformed(path, 'it is not a JSON object')
  const auths = objectIn(config, 'auths', path)
  const helpers = new Map<string, string>()
  for (const [key, name] of Object.entries(objectIn(config, 'credHelpers', path))) {
    if (typeof name !== 'string') throw malformed(path, `"credHelpers" of ${key} is not a name`)
    helpers.set(key, name)
  }
  const { credsStore } = config
  if (credsStore !== undefined && typeof credsStore !== 'string') {
    throw malformed(path, '"credsStore" is not a name')
  }
  return {
    path,
    keys: Object.keys(auths),
    loginAt: (key) => (Object.hasOwn(auths, key) ? loginOf(auths[key], { path, key }) : undefined),
    helpers,
    defaultHelper: credsStore === '' ? undefined : credsStore,
  }
}

function objectIn(config: Json, field: string, path: string): Json {
  const value = config[field] ?? {}
  if (typeof value !== 'object' || Array.isArray(value)) throw malformed(path, `"${field}" is not an object`)
  return value as Json
}

/** An entry is empty where a credential helper keeps the password. */
function loginOf(
  entry: unknown,
  { path, key }: { readonly path: string; readonly key: string },
): Login | undefined {
  const fields = (entry ?? {}) as Partial<Record<string, unknown>>
  const { auth, username, password, identitytoken, registrytoken } = fields
  if (typeof identitytoken === 'string' && identitytoken !== '') return { identityToken: identitytoken }
  if (typeof registrytoken === 'string' && registrytoken !== '') return { registryToken: registrytoken }
  if (typeof username === 'string' && typeof password === 'string') return { username, password }
  if (auth === undefined || auth === null || auth === '') return undefined
  const pair = typeof auth === 'string' ? decodePair(auth) : undefined
  if (pair === undefined) throw malformed(path, `"auth" of ${key} is not USER:PASSWORD in base64`)
  // Docker ends some passwords with a NUL byte.
  return { username: pair.username, password: pair.password.replace(/\0+$/, '') }
}

function malformed(path: string, why: string): BallastError {
  return new BallastError('REFUSED', `${path} cannot be understood: ${why}`, {
    hint: 'mend or remove it, then log in again: docker login HOST',
  })
}
