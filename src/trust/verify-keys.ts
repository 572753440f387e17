import { type Digest, shortDigest } from '../core/index.ts'
import { isSignedBy, type PublicKey } from './keys.ts'
import { refused, type Trusted, type Verdict } from './verdict.ts'

export interface KeySigned {
  readonly data: Uint8Array
  readonly signature: Uint8Array
  /** By which key it says it was made. */
  readonly keyId?: Digest | undefined
}

/** Which of the trusted keys has made a signature. What it says itself of its key decides nothing. */
export function verifyWithKeys(
  { data, signature, keyId }: KeySigned,
  { keys = [] }: Trusted,
): Verdict<PublicKey> {
  const key = keys.find((candidate) => isSignedBy(candidate, data, signature))
  if (key !== undefined) return { ok: true, by: { kind: 'key', keyId: key.id }, value: key }
  if (keys.length === 0) return refused('it was signed with a key, and no key is trusted')
  if (keyId !== undefined && keys.some(({ id }) => id === keyId)) {
    return refused('the signature does not fit what it signs: one of the two was changed')
  }
  const other = keyId === undefined ? '' : `; it says that it was made with key ${shortDigest(keyId)}`
  return refused(`no trusted key has made it${other}`)
}

/** For people. */
export function named(digest: Digest): string {
  return `sha256:${shortDigest(digest)}…`
}
