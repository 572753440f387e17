import { BallastError } from '../../core/index.ts'
import { linkTo } from '../../http/index.ts'
import type { Connection } from './connection.ts'

/** Where a listing goes on, behind the page whose answer had this `Link`. Throws REMOTE for another place. */
export function nextPage(
  connection: Connection,
  { link, base, what }: { readonly link: string | undefined; readonly base: URL; readonly what: string },
): URL | undefined {
  const target = linkTo('next', link)
  if (target === undefined) return undefined
  const url = URL.parse(target, base.href)
  // A registry behind a proxy that ends TLS may name itself by http.
  if (url?.host === base.host) return new URL(`${url.pathname}${url.search}`, base.origin)
  throw unusable(connection, `${what} with a next page at another place`)
}

export function unusable({ host }: Connection, what: string): BallastError {
  return new BallastError('REMOTE', `registry ${host} answers with ${what}`, {
    hint: 'check that this host and port are a registry',
  })
}
