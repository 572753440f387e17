import { X509Certificate } from 'node:crypto'
import type { Digest } from '../core/index.ts'
import { readBundle } from './bundle.ts'
import { certificateIn, type SimpleSignature, verifySimpleSignature } from './simple-signing.ts'
import { decodeStatement, SIGN_PREDICATE } from './statement.ts'
import { refused, type Trusted, type Verdict } from './verdict.ts'
import { verifySignatureBundle } from './verify.ts'

/** A signature as it is attached to a manifest, in either of cosign's forms. */
export type AttachedSignature =
  | { readonly form: 'bundle'; readonly bytes: Buffer }
  | ({ readonly form: 'simplesigning' } & SimpleSignature)
  /** One is named, but its bytes are gone, or others. */
  | { readonly form: 'unreadable'; readonly why: string }

/** What a signature says of itself: nothing of it is believed. */
export interface Claim {
  readonly form: AttachedSignature['form']
  /** Undefined where it does not say, as simple signatures do not. */
  readonly keyId: Digest | undefined
  readonly identity: string | undefined
}

/** Whether it stands for its subject, rather than for a statement about it. */
export function isSignature(attached: AttachedSignature): boolean {
  return attached.form !== 'bundle' || predicateTypeOf(attached.bytes) === SIGN_PREDICATE
}

/** Of the statement in a bundle, as it says; undefined for what has none. */
export function predicateTypeOf(bundle: Uint8Array): string | undefined {
  const payload = readBundle(bundle)?.envelope.payload
  return payload && decodeStatement(payload)?.predicateType
}

export function verifyAttached(
  attached: AttachedSignature,
  trusted: Trusted,
  subject: Digest,
): Promise<Verdict<unknown>> {
  if (attached.form === 'unreadable') return Promise.resolve(refused(attached.why))
  return attached.form === 'bundle'
    ? verifySignatureBundle(attached.bytes, trusted, subject)
    : verifySimpleSignature(attached, trusted, subject)
}

export function claimOf(attached: AttachedSignature): Claim {
  if (attached.form === 'unreadable') return { form: 'unreadable', keyId: undefined, identity: undefined }
  if (attached.form === 'simplesigning') {
    const identity = identityIn(certificateIn(attached))
    return { form: 'simplesigning', keyId: undefined, identity }
  }
  const bundle = readBundle(attached.bytes)
  return { form: 'bundle', keyId: bundle?.keyId, identity: identityIn(bundle?.certificate) }
}

/** Undefined for what is no certificate. */
function identityIn(certificate: string | Buffer | undefined): string | undefined {
  if (certificate === undefined) return undefined
  try {
    return new X509Certificate(certificate).subjectAltName?.replace(/^(?:email|URI):/, '')
  } catch {
    return undefined
  }
}
