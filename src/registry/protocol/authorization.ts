/** A user name and a password or access token. Never to be logged. */
export interface Credentials {
  readonly username: string
  readonly password: string
}

/** What stands for a user at a registry, as Docker's configuration keeps it. Never to be logged. */
export type Login =
  | Credentials
  /** A refresh token (OAuth 2.0), with which the token server gives out tokens. */
  | { readonly identityToken: string }
  /** A bearer token for the registry itself. */
  | { readonly registryToken: string }

/** The value of an `Authorization` header (RFC 7617). */
export function formatBasic({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

/** Undefined for anything but Basic authorization. */
export function parseBasic(header: string | undefined): Credentials | undefined {
  const [, encoded] = /^basic +([A-Za-z0-9+/_-]+=*)$/i.exec(header?.trim() ?? '') ?? []
  return encoded === undefined ? undefined : decodePair(encoded)
}

/** `user:password` in base64; the first colon divides. Undefined when there is none. */
export function decodePair(encoded: string): Credentials | undefined {
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon < 0 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1) }
}
