import { type Digest, shortDigest } from '../core/index.ts'
import { type CertifiedBundle, whyNotLogged } from './certificate.ts'
import { isSignedBy, type PublicKey } from './keys.ts'
import { refused, type Trusted, type Verdict } from './verdict.ts'

export interface KeySigned {
  readonly data: Uint8Array
  readonly signature: Uint8Array
  /** By which key it says it was made. */
  readonly keyId?: Digest | undefined
  /** The whole, where it says that a transparency log knows it. */
  readonly logged: (() => CertifiedBundle) | undefined
}

/** Which of the trusted keys has made a signature; where it is said to be in a log, and a root is trusted, that has to be true. */
export async function verifyKeyed(signed: KeySigned, trusted: Trusted): Promise<Verdict<unknown>> {
  const { logged } = signed
  const { root } = trusted
  const verdict = await verifyWithKeys(signed, trusted)
  if (!verdict.ok || logged === undefined || root === undefined) return verdict
  const why = await whyNotLogged(logged(), { root, key: verdict.value.key })
  return why === undefined ? verdict : refused(why)
}

/** What it says itself of its key decides nothing. */
async function verifyWithKeys(
  { data, signature, keyId }: KeySigned,
  { keys = [] }: Trusted,
): Promise<Verdict<PublicKey>> {
  for (const key of keys) {
    if (isSignedBy(key, data, signature) || (await isSignedPrehashed(key, data, signature)))
      return { ok: true, by: { kind: 'key', keyId: key.id }, value: key }
  }
  if (keys.length === 0) return refused('it was signed with a key, and no key is trusted')
  if (keyId !== undefined && keys.some(({ id }) => id === keyId)) {
    return refused('the signature does not fit what it signs: one of the two was changed')
  }
  const other = keyId === undefined ? '' : `; it says that it was made with key ${shortDigest(keyId)}`
  return refused(`no trusted key has made it${other}`)
}

/** cosign signs with Ed25519ph, which node's crypto has not. */
async function isSignedPrehashed(
  { algorithm, key }: PublicKey,
  data: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  if (algorithm !== 'Ed25519' || signature.length !== 64) return false
  const { x = '' } = key.export({ format: 'jwk' })
  const { ed25519ph } = await import('@noble/curves/ed25519.js')
  return ed25519ph.verify(signature, data, Buffer.from(x, 'base64url'), { zip215: false })
}

/** For people. */
export function named(digest: Digest): string {
  return `sha256:${shortDigest(digest)}…`
}
