import type { Digest } from '../core/index.ts'
import { type ReadBundle, readBundle } from './bundle.ts'
import { type CertifiedBundle, verifyCertified } from './certificate.ts'
import { preAuthEncoding } from './dsse.ts'
import { loggedContent } from './logged-content.ts'
import { decodeStatement, SIGN_PREDICATE, STATEMENT_PAYLOAD, type Statement } from './statement.ts'
import { refused, type Trusted, type Verdict } from './verdict.ts'
import { named, verifyKeyed } from './verify-keys.ts'

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
  { envelope, keyId, isLogged, certificate, document }: ReadBundle,
  trusted: Trusted,
): Promise<Verdict<unknown>> {
  const whole = (): CertifiedBundle => loggedContent({ document }, envelope)
  if (certificate !== undefined) return verifyCertified(whole(), trusted)
  return verifyKeyed(
    {
      data: preAuthEncoding(envelope),
      signature: envelope.signature,
      keyId,
      logged: isLogged ? whole : undefined,
    },
    trusted,
  )
}
