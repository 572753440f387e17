/** A user name and a password or access token. Never to be logged. */
export interface Credentials {
  readonly username: string
  readonly password: string
}

/** One challenge of a `WWW-Authenticate` header (RFC 9110, 11.6.1); the scheme in lower case. */
export interface Challenge {
  readonly scheme: string
  readonly parameters: Readonly<Record<string, string>>
}

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

/** All challenges of the header's values, in order. */
export function parseChallenges(values: readonly string[]): readonly Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = []
  for (const value of values) {
    for (const [, scheme, key, quoted, token] of value.matchAll(PIECE)) {
      if (scheme !== undefined) challenges.push({ scheme: scheme.toLowerCase(), parameters: {} })
      const current = challenges.at(-1)
      if (key === undefined || current === undefined) continue
      current.parameters[key.toLowerCase()] = quoted?.replace(/\\(.)/g, '$1') ?? token ?? ''
    }
  }
  return challenges
}

/** Either a parameter (`key="value"`, `key=value`) or, where no `=` follows, the name of a scheme. */
const PIECE = /(?:([\w-]+)(?=\s+[\w-]+\s*=|\s*,|\s*$))|([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g
