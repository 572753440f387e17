import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import { type Credentials, parseBasic } from '../protocol/index.ts'

/** Whether an `Authorization` header proves the credentials; takes the same time whatever is wrong with it. */
export function isAuthorized(header: string | undefined, credentials: Credentials): boolean {
  const given = parseBasic(header)
  const username = equalText(given?.username, credentials.username)
  const password = equalText(given?.password, credentials.password)
  return username && password
}

/**
 * Whether a `Host` header names this machine by an address or a name that no foreign DNS server can give out. Without
 * it, a page in a browser could have its own name resolved to 127.0.0.1 and reach a registry that asks for no login.
 */
export function isLocalHost(header: string | undefined): boolean {
  const host = (header ?? '')
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase()
  return isIP(host) !== 0 || LOCAL_NAMES.test(host)
}

const LOCAL_NAMES = /^(?:(?:.*\.)?localhost|host\.docker\.internal|host\.containers\.internal)\.?$/

/** In a time that tells nothing of either: of hashes, because only values of one length can be compared so. */
export function equalText(given: string | undefined, expected: string): boolean {
  return timingSafeEqual(hash(given ?? ''), hash(expected)) && given !== undefined
}

function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
