import { createHash, timingSafeEqual } from 'node:crypto'
import { type Credentials, parseBasic } from '../protocol/index.ts'

/** Whether an `Authorization` header proves the credentials; takes the same time whatever is wrong with it. */
export function isAuthorized(header: string | undefined, credentials: Credentials): boolean {
  const given = parseBasic(header)
  const username = equal(given?.username, credentials.username)
  const password = equal(given?.password, credentials.password)
  return username && password
}

/** Of hashes, because only values of one length can be compared in constant time. */
function equal(given: string | undefined, expected: string): boolean {
  return timingSafeEqual(hash(given ?? ''), hash(expected)) && given !== undefined
}

function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
