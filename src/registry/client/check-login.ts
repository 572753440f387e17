import { BallastError, type CallOptions } from '../../core/index.ts'
import { askOnce, urlOf } from './connection.ts'
import { normalisePlace } from './endpoint.ts'
import { connect, type RepositoryOptions } from './repository.ts'

/**
 * Whether a registry takes a login (distribution-spec, "Determining Support"): `open` where it asks for none, so that
 * nothing is known of this one. Throws UNAUTHORIZED where it does not, REMOTE where it is no registry.
 */
export async function checkLogin(
  options: Omit<RepositoryOptions, 'name'>,
  { signal }: CallOptions = {},
): Promise<'taken' | 'open'> {
  const { host } = normalisePlace({ host: options.host, name: '' })
  let isAsked = false
  const credentials = async () => {
    isAsked = true
    return typeof options.credentials === 'function' ? options.credentials() : options.credentials
  }
  const connection = connect({ ...options, host, credentials })
  const request = { method: 'GET', url: urlOf(connection, { kind: 'base' }), signal } as const
  const response = await askOnce(connection, request, { statuses: [200, 404], what: `the login to ${host}` })
  await response.discard()
  if (response.status === 200) return isAsked ? 'taken' : 'open'
  throw new BallastError('REMOTE', `${host} is no registry: it knows no /v2/`, {
    hint: 'check the host and the port',
  })
}
