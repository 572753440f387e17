import type { Scope } from '../protocol/index.ts'

/** Where tokens are given out. */
export const TOKEN_PATH = '/token'

/** What tells who asks, of any request. */
export interface Asker {
  /** By its name in lower case. */
  header(name: string): string | undefined
  /** Whether the connection itself is encrypted. */
  readonly isEncrypted: boolean
}

export const BASIC_CHALLENGE = 'Basic realm="ballast", charset="UTF-8"'

/** Sends the client to this registry's own tokens (distribution, "Token Authentication Specification"). */
export function bearerChallenge(
  asker: Asker,
  { needed, error }: { readonly needed: readonly Scope[]; readonly error: string | undefined },
): string {
  const parameters = {
    realm: realmOf(asker),
    service: 'ballast',
    ...(needed.length > 0 && { scope: needed.join(' ') }),
    ...(error !== undefined && { error }),
  }
  return `Bearer ${Object.entries(parameters)
    .map(([name, value]) => `${name}="${value}"`)
    .join(',')}`
}

/** As the client that asks has to call it. */
function realmOf({ header, isEncrypted }: Asker): string {
  const host = header('host') ?? ''
  const scheme = isEncrypted || header('x-forwarded-proto') === 'https' ? 'https' : 'http'
  // It is repeated in a header.
  return `${scheme}://${HOST.test(host) ? host : 'localhost'}${TOKEN_PATH}`
}

const HOST = /^[\w.[\]:-]+$/
