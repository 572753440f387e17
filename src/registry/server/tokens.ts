import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { parseJson } from '../../model/index.ts'
import { mergeScopes, type Scope } from '../protocol/index.ts'

/** In seconds. Long enough for a push of many layers to begin; a client asks for another when it ends. */
const LIFETIME = 300

/** What is given to a client instead of asking for its password each time. */
export interface Tokens {
  /** Seconds for which a token is good. */
  readonly lifetime: number
  issue(user: string, scopes: readonly Scope[]): string
  /** What the token allows; undefined for one that is forged, or whose time is over. */
  verify(token: string): readonly Scope[] | undefined
}

/**
 * Tokens as the Docker registry has them (distribution, "Token Authentication Implementation"), signed with a secret of
 * this process: after a restart clients ask for new ones by themselves.
 */
export function createTokens({ now = Date.now }: { readonly now?: () => number } = {}): Tokens {
  const secret = randomBytes(32)
  const sign = (text: string): Buffer => createHmac('sha256', secret).update(text).digest()
  return {
    lifetime: LIFETIME,
    issue(user, scopes) {
      const at = Math.floor(now() / 1000)
      const claims = { iss: 'ballast', sub: user, iat: at, exp: at + LIFETIME, scope: scopes.join(' ') }
      const text = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`
      return `${text}.${sign(text).toString('base64url')}`
    },
    verify(token) {
      const end = token.lastIndexOf('.')
      const given = Buffer.from(token.slice(end + 1), 'base64url')
      const expected = sign(token.slice(0, Math.max(0, end)))
      if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined
      const { exp, scope } = parseJson(Buffer.from(token.split('.')[1] ?? '', 'base64url')) ?? {}
      if (typeof exp !== 'number' || typeof scope !== 'string' || exp * 1000 <= now()) return undefined
      return mergeScopes(scope.split(' ').filter((part) => part !== ''))
    },
  }
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
