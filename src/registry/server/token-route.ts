import { readAll } from '../../core/index.ts'
import { type Credentials, parseBasic, parseScopes } from '../protocol/index.ts'
import { type Answer, json, refusal } from './answer.ts'
import type { Asked } from './asked.ts'
import { BASIC_CHALLENGE } from './challenge.ts'
import { grantedTo } from './rights.ts'
import type { Tokens } from './tokens.ts'
import type { Users } from './users.ts'

/** Of a form with a password and scopes, in bytes. */
const LARGEST_FORM = 64 * 1024

/**
 * Gives out tokens: `GET` with a login (distribution, "Token Authentication Implementation"), or `POST` of a form with
 * `grant_type=password` ("Oauth2 Token Authentication"). What the user may not is left out of the token.
 */
export async function answerToken(
  asked: Pick<Asked, 'method' | 'query' | 'header' | 'body'>,
  { users, tokens }: { readonly users: Users; readonly tokens: Tokens },
): Promise<Answer> {
  const { method } = asked
  if (method !== 'GET' && method !== 'POST') return refusal('UNSUPPORTED', `${method} is not for tokens`)
  const query = method === 'GET' ? asked.query : await formOf(asked)
  if (query === undefined) return refusal('DENIED', 'the form is too long', { status: 413 })
  const credentials = method === 'GET' ? parseBasic(asked.header('authorization')) : credentialsIn(query)
  const user = credentials && (await users.find(credentials))
  if (user === undefined) {
    const headers = { 'www-authenticate': BASIC_CHALLENGE }
    return refusal('UNAUTHORIZED', 'a user name and password are needed', { headers })
  }
  const granted = grantedTo(user, query.getAll('scope').flatMap(parseScopes))
  const token = tokens.issue(user.name, granted)
  return json(
    { token, access_token: token, expires_in: tokens.lifetime, issued_at: new Date().toISOString() },
    { 'cache-control': 'no-store' },
  )
}

async function formOf({ body }: Pick<Asked, 'body'>): Promise<URLSearchParams | undefined> {
  try {
    return new URLSearchParams((await readAll(body, LARGEST_FORM)).toString('utf8'))
  } catch {
    return undefined
  }
}

function credentialsIn(form: URLSearchParams): Credentials | undefined {
  const [username, password] = [form.get('username'), form.get('password')]
  if (form.get('grant_type') !== 'password' || username === null || password === null) return undefined
  return { username, password }
}
