import { createHash } from 'node:crypto'
import { type Digest, isDigest } from '../core/index.ts'
import { type Json, objectOf, parseJson } from '../model/index.ts'
import { type CertifiedBundle, verifyCertified } from './certificate.ts'
import type { Signer } from './keys.ts'
import { refused, type Trusted, type Verdict } from './verdict.ts'
import { named, verifyKeyed } from './verify-keys.ts'

/** The layer of a signature as cosign made them by default before 3.0, and the annotations that it has. */
export const SIMPLE_SIGNING = 'application/vnd.dev.cosign.simplesigning.v1+json'
const SIGNATURE = 'dev.cosignproject.cosign/signature'
const CERTIFICATE = 'dev.sigstore.cosign/certificate'
const CHAIN = 'dev.sigstore.cosign/chain'
const LOG_ENTRY = 'dev.sigstore.cosign/bundle'
const TIMESTAMP = 'dev.sigstore.cosign/rfc3161timestamp'

const PAYLOAD_TYPE = 'cosign container image signature'
/** The oldest form of a bundle has what cosign wrote then: the log's promise, without a proof. */
const BUNDLE_TYPE = 'application/vnd.dev.sigstore.bundle+json;version=0.1'

/** A signed payload, and what stands beside it. */
export interface SimpleSignature {
  readonly payload: Buffer
  /** Of the layer. */
  readonly annotations: Readonly<Record<string, string>>
}

export interface SimpleSubject {
  readonly digest: Digest
  /** Where it is, for people: `registry.example/team/sentiment`. */
  readonly reference: string
}

export function signSimply(signer: Signer, { digest, reference }: SimpleSubject): SimpleSignature {
  const document = {
    critical: {
      identity: { 'docker-reference': reference },
      image: { 'docker-manifest-digest': digest },
      type: PAYLOAD_TYPE,
    },
    optional: null,
  }
  const payload = Buffer.from(JSON.stringify(document))
  return { payload, annotations: { [SIGNATURE]: signer.sign(payload).toString('base64') } }
}

/** The tag under which such signatures of a manifest are kept in its repository. */
export function signaturesTag(subject: Digest): string {
  return `${subject.replace(':', '-')}.sig`
}

/** Whether somebody trusted has signed exactly this subject. Never throws for what is in the signature. */
export async function verifySimpleSignature(
  { payload, annotations }: SimpleSignature,
  trusted: Trusted,
  subject: Digest,
): Promise<Verdict<unknown>> {
  const { digest, type } = decodePayload(payload)
  if (type !== PAYLOAD_TYPE) return refused('what it signs is no payload of a container signature')
  if (digest !== subject) {
    return refused(
      `it was made for ${isDigest(digest) ? named(digest) : 'nothing'}, not for ${named(subject)}`,
    )
  }
  const signature = Buffer.from(annotations[SIGNATURE] ?? '', 'base64')
  if (signature.length === 0) return refused('it has no signature beside its payload')
  const whole = (): CertifiedBundle => ({ document: bundleOf({ payload, annotations }), artifact: payload })
  if (annotations[CERTIFICATE] !== undefined) return verifyCertified(whole(), trusted)
  const logged = annotations[LOG_ENTRY] === undefined ? undefined : whole
  return verifyKeyed({ data: payload, signature, logged }, trusted)
}

/** What it says of its signer before anything is believed: the certificate in PEM. */
export function certificateIn({ annotations }: SimpleSignature): string | undefined {
  return annotations[CERTIFICATE]
}

function decodePayload(payload: Buffer): { readonly digest: string; readonly type: unknown } {
  const critical = objectOf(parseJson(payload)?.critical)
  const digest = objectOf(critical.image)['docker-manifest-digest']
  return { digest: typeof digest === 'string' ? digest : '', type: critical.type }
}

/** The same as a bundle, for sigstore's own verifier. */
function bundleOf({ payload, annotations }: SimpleSignature): object {
  const certificates = [annotations[CERTIFICATE], annotations[CHAIN]].flatMap(certificatesIn)
  const entry = logEntry(parseJson(Buffer.from(annotations[LOG_ENTRY] ?? '')))
  const signedTimestamp = parseJson(Buffer.from(annotations[TIMESTAMP] ?? ''))?.SignedRFC3161Timestamp
  return {
    mediaType: BUNDLE_TYPE,
    verificationMaterial: {
      ...(certificates.length === 0
        ? { publicKey: { hint: '' } }
        : { x509CertificateChain: { certificates } }),
      tlogEntries: entry === undefined ? [] : [entry],
      ...(signedTimestamp !== undefined && {
        timestampVerificationData: { rfc3161Timestamps: [{ signedTimestamp }] },
      }),
    },
    messageSignature: {
      messageDigest: {
        algorithm: 'SHA2_256',
        digest: createHash('sha256').update(payload).digest('base64'),
      },
      signature: annotations[SIGNATURE],
    },
  }
}

/** As sigstore's bundles have what cosign keeps of an entry in its log. */
function logEntry(kept: Json | undefined): object | undefined {
  if (kept === undefined) return undefined
  const { body, integratedTime, logIndex, logID } = objectOf(kept.Payload)
  const { kind, apiVersion } = parseJson(Buffer.from(String(body), 'base64')) ?? {}
  return {
    logIndex: String(logIndex),
    logId: { keyId: Buffer.from(String(logID), 'hex').toString('base64') },
    kindVersion: { kind, version: apiVersion },
    integratedTime: String(integratedTime),
    inclusionPromise: { signedEntryTimestamp: kept.SignedEntryTimestamp },
    canonicalizedBody: body,
  }
}

function certificatesIn(pem: string | undefined): readonly { readonly rawBytes: string }[] {
  const found = pem?.matchAll(/-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/g) ?? []
  return [...found].map(([, body = '']) => ({ rawBytes: body.replace(/\s/g, '') }))
}
