import { BallastError } from '../../core/index.ts'
import { mayLead } from '../../http/index.ts'
import { isLoopback } from './endpoint.ts'

/** Where a registry has its tokens given out. */
export interface TokenServer {
  readonly realm: URL
  readonly service: string | undefined
}

/**
 * The realm of a challenge, where it may be asked. Another host than the registry's is common (auth.docker.io). A login
 * goes there by https; by http only from one server on this machine to another. Throws UNAUTHORIZED.
 */
export function checkRealm(
  text: string | undefined,
  { base, host, hasLogin }: { readonly base: URL; readonly host: string; readonly hasLogin: boolean },
): URL {
  const realm = text === undefined ? null : URL.parse(text)
  const refused = (what: string): BallastError =>
    new BallastError('UNAUTHORIZED', `registry ${host} asks for a token ${what}`, {
      hint: 'this is for whoever runs the registry: its token server has to be reached by https',
    })
  if (realm === null) throw refused('and names no token server')
  const shown = `${realm.protocol}//${realm.host}`
  if (!mayLead(base, realm)) throw refused(`from ${shown}, which Ballast does not ask on its behalf`)
  if (realm.protocol === 'http:' && hasLogin && !(isLoopback(base.host) && isLoopback(realm.host))) {
    throw refused(`from ${shown}, which would get the login without TLS`)
  }
  realm.username = realm.password = realm.hash = ''
  return realm
}
