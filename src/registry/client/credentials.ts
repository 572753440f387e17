import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BallastError, isSystemError } from '../../core/index.ts'
import { parseJson } from '../../model/index.ts'
import { type Credentials, decodePair } from '../protocol/index.ts'

/** What `docker login` calls Docker Hub. */
const HUB_KEYS = ['https://index.docker.io/v1/', 'docker.io', 'index.docker.io', 'registry-1.docker.io']

/**
 * The login for a registry that stands in `config.json` of Docker's configuration directory (`$DOCKER_CONFIG`, else
 * `~/.docker`). Undefined where there is none: no file, no entry, or an entry kept by a credential helper, which is
 * not asked yet. Throws REFUSED for a file that cannot be understood.
 */
export async function findCredentials(
  configDirectory: string,
  host: string,
): Promise<Credentials | undefined> {
  const path = join(configDirectory, 'config.json')
  const bytes = await readFile(path).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  })
  if (bytes === undefined) return undefined
  const config = parseJson(bytes)
  if (config === undefined) throw malformed(path, 'it is not a JSON object')
  const { auths = {} } = config
  if (typeof auths !== 'object' || auths === null) throw malformed(path, '"auths" is not an object')
  for (const key of keysOf(host)) {
    const entry = (auths as Readonly<Record<string, unknown>>)[key]
    if (entry !== undefined) return credentialsOf(entry, { path, key })
  }
  return undefined
}

/** Older versions of Docker wrote whole URLs. */
function keysOf(host: string): readonly string[] {
  if (HUB_KEYS.includes(host)) return HUB_KEYS
  return [
    host,
    `https://${host}`,
    `https://${host}/`,
    `https://${host}/v2/`,
    `http://${host}`,
    `http://${host}/`,
  ]
}

/** An entry is empty where a credential helper keeps the password. */
function credentialsOf(
  entry: unknown,
  { path, key }: { readonly path: string; readonly key: string },
): Credentials | undefined {
  const { auth, username, password } = (entry ?? {}) as Partial<Record<string, unknown>>
  if (typeof username === 'string' && typeof password === 'string') return { username, password }
  if (auth === undefined || auth === '') return undefined
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
