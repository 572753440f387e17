import { BallastError, type CallOptions } from '../core/index.ts'
import { parseOperand } from '../model/index.ts'
import { type Credentials, checkLogin, dropLogin, type KeptLogin, keepLogin } from '../registry/index.ts'
import type { ImageAccess } from './image-places.ts'
import { networkTo } from './registry-network.ts'

export interface LoginResult extends KeptLogin {
  readonly host: string
  readonly username: string
  /** `open`: the registry asks for no login, so it is not known whether it would take this one. */
  readonly registry: 'taken' | 'open'
}

/** Keeps a login where Docker and Podman look for it, once the registry has taken it. Throws USAGE, UNAUTHORIZED, REMOTE, DISK. */
export async function login(
  { host, credentials, access }: LoginRequest,
  options: CallOptions = {},
): Promise<LoginResult> {
  refuseOther(host)
  if (credentials.username.includes(':')) {
    throw new BallastError('USAGE', 'a user name has no colon', { hint: 'name the user with --username' })
  }
  const plainHttp = access.plainHttp?.includes(host) === true
  const network = await networkTo(host, access)
  const registry = await checkLogin({ host, credentials, network, ...(plainHttp && { plainHttp }) }, options)
  return { host, username: credentials.username, registry, ...(await keepLogin(access, host, credentials)) }
}

export interface LoginRequest {
  readonly host: string
  readonly credentials: Credentials
  readonly access: ImageAccess
}

/** Forgets a login wherever it is kept. Throws NOT_FOUND where there is none. */
export async function logout(host: string, access: ImageAccess): Promise<readonly KeptLogin[]> {
  refuseOther(host)
  const dropped = await dropLogin(access, host)
  if (dropped.length > 0) return dropped
  throw new BallastError('NOT_FOUND', `there is no login for ${host}`, {
    hint: `it is looked for in ${access.dockerConfig} and in Podman's auth.json; check the host and its port`,
  })
}

/** Throws USAGE for what is no registry. */
export function refuseOther(host: string): void {
  if (parseOperand(`${host}/`).kind === 'registry' && !/[/@\s]/.test(host)) return
  throw new BallastError('USAGE', `${JSON.stringify(host)} is no registry`, {
    hint: 'write HOST or HOST:PORT, for example ghcr.io or localhost:5000; Docker Hub is docker.io',
  })
}
