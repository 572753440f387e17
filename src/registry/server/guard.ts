import { parseBasic, type Scope } from '../protocol/index.ts'
import { isLocalHost } from './access.ts'
import { type Answer, refusal } from './answer.ts'
import { type Asker, BASIC_CHALLENGE, bearerChallenge } from './challenge.ts'
import { areCovered, grantedTo } from './rights.ts'
import type { Tokens } from './tokens.ts'
import type { Users } from './users.ts'

export interface GuardOptions {
  /** Without them, whoever reaches the registry by a name of this machine may do everything. */
  readonly users?: Users | undefined
  /** Asked for instead of passwords, where they are given. */
  readonly tokens?: Tokens | undefined
}

/** Undefined for who may do what is needed; else the answer that says why not. */
export type Guard = (asker: Asker, needed: readonly Scope[]) => Promise<Answer | undefined>

export function createGuard({ users, tokens }: GuardOptions): Guard {
  if (users === undefined) return async (asker) => (isLocalHost(asker.header('host')) ? undefined : FOREIGN)
  return async (asker, needed) => {
    const authorization = asker.header('authorization')
    const basic = parseBasic(authorization)
    if (basic !== undefined) {
      const user = await users.find(basic)
      if (user === undefined) return unknown(asker, needed)
      return areCovered(needed, grantedTo(user, needed)) ? undefined : denied(user.name)
    }
    const [, bearer] = /^bearer +(\S+)$/i.exec(authorization ?? '') ?? []
    const scopes = bearer === undefined ? undefined : tokens?.verify(bearer)
    if (scopes === undefined)
      return unknown(asker, needed, bearer === undefined ? undefined : 'invalid_token')
    return areCovered(needed, scopes) ? undefined : unknown(asker, needed, 'insufficient_scope')
  }

  function unknown(asker: Asker, needed: readonly Scope[], error?: keyof typeof WHY): Answer {
    const challenge = tokens === undefined ? BASIC_CHALLENGE : bearerChallenge(asker, { needed, error })
    const why = error === undefined ? 'a user name and password are needed' : WHY[error]
    return refusal('UNAUTHORIZED', why, {
      headers: { 'www-authenticate': challenge },
    })
  }
}

/** By the errors of RFC 6750, 3.1. */
const WHY = {
  invalid_token: 'the token is not from here, or its time is over',
  insufficient_scope: 'the token does not allow this, or its user may not',
} as const

const FOREIGN = refusal('DENIED', 'without a login, this registry answers only to localhost and addresses')

function denied(name: string): Answer {
  return refusal('DENIED', `${name} may only pull`)
}
