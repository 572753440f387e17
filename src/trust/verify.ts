import { type Digest, shortDigest } from '../core/index.ts'
import { type ReadBundle, readBundle } from './bundle.ts'
import { verifyCertified, whyNotLogged } from './certificate.ts'
import { preAuthEncoding } from './dsse.ts'
import { isSignedBy, type PublicKey } from './keys.ts'
import { decodeStatement, SIGN_PREDICATE, STATEMENT_PAYLOAD, type Statement } from './statement.ts'
import { refused, type Trusted, type Verdict } from './verdict.ts'

export interface Expected {
  /** What it has to be said of. */
  readonly subject: Digest
  readonly predicateType: string
}

/**
 * Whether a bundle holds a statement of this kind about this subject that somebody trusted has signed. Never throws for
 * what is in the bundle: whatever cannot be read is refused.
 */
export async function verifyStatement(
  bytes: Uint8Array,
  trusted: Trusted,
  { subject, predicateType }: Expected,
): Promise<Verdict<Statement>> {
  const bundle = readBundle(bytes)
  if (bundle === undefined) return refused('it is no sigstore bundle with one signed statement')
  const statement = decodeStatement(bundle.envelope.payload)
  if (bundle.envelope.payloadType !== STATEMENT_PAYLOAD || statement === undefined) {
    return refused('what it signs is no in-toto statement')
  }
  if (statement.predicateType !== predicateType) {
    return refused(`it is a statement of another kind (${statement.predicateType})`)
  }
  if (!statement.subjects.includes(subject)) {
    return refused(
      `it was made for ${statement.subjects.map(named).join(', ') || 'nothing'}, not for ${named(subject)}`,
    )
  }
  const verdict = await verifySigner(bundle, trusted)
  return verdict.ok ? { ...verdict, value: statement } : verdict
}

/** The same for what `ballast sign` and `cosign sign` make. */
export function verifySignatureBundle(
  bytes: Uint8Array,
  trusted: Trusted,
  subject: Digest,
): Promise<Verdict<Statement>> {
  return verifyStatement(bytes, trusted, { subject, predicateType: SIGN_PREDICATE })
}

async function verifySigner(
  { envelope, keyId, isLogged, hasCertificate, document }: ReadBundle,
  trusted: Trusted,
): Promise<Verdict<unknown>> {
  if (hasCertificate) return verifyCertified({ document }, trusted)
  const verdict = verifyWithKeys(
    { data: preAuthEncoding(envelope), signature: envelope.signature, keyId },
    trusted,
  )
  if (!verdict.ok || !isLogged || trusted.root === undefined) return verdict
  const why = await whyNotLogged({ document }, { root: trusted.root, key: verdict.value.key })
  return why === undefined ? verdict : refused(why)
}

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

function named(digest: Digest): string {
  return `sha256:${shortDigest(digest)}…`
}
