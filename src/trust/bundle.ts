import { type Digest, hexOf } from '../core/index.ts'
import { arrayOf, type Json, objectOf, parseJson } from '../model/index.ts'
import { decodeEnvelope, type Envelope, encodeEnvelope, preAuthEncoding } from './dsse.ts'
import type { Signer } from './keys.ts'
import { encodeStatement, STATEMENT_PAYLOAD, type Statement } from './statement.ts'

/** A sigstore bundle: the type of the manifest that attaches it and of its one layer, as cosign 3 writes them. */
export const SIGSTORE_BUNDLE = 'application/vnd.dev.sigstore.bundle.v0.3+json'
/** Of that manifest: what the statement in the bundle is. */
export const BUNDLE_CONTENT = 'dev.sigstore.bundle.content'
export const BUNDLE_PREDICATE = 'dev.sigstore.bundle.predicateType'

/** In bytes: a statement, a signature, a certificate and proofs of a few logs. */
export const LARGEST_BUNDLE = 4 * 1024 * 1024

/** What a bundle says, before anything of it is believed. */
export interface ReadBundle {
  readonly envelope: Envelope
  /** By which key it says it was made, undefined where a certificate stands for it. */
  readonly keyId: Digest | undefined
  /** Whether a transparency log is said to know it. */
  readonly isLogged: boolean
  /** The signer's, in DER, where one stands for the key. */
  readonly certificate: Buffer | undefined
  /** Of what has been read alone, so that no other reader finds something else in it. */
  readonly document: object
}

/** Signs a statement with a key, in a bundle of its own. Nothing is asked of anybody. */
export function signStatement(signer: Signer, statement: Statement): Buffer {
  const content = { payloadType: STATEMENT_PAYLOAD, payload: encodeStatement(statement) }
  const signature = signer.sign(preAuthEncoding(content))
  const document = {
    mediaType: SIGSTORE_BUNDLE,
    verificationMaterial: { publicKey: { hint: hintOf(signer.publicKey.id) } },
    dsseEnvelope: encodeEnvelope({ ...content, signature }),
  }
  return Buffer.from(JSON.stringify(document))
}

/** Undefined for what is no bundle with a DSSE envelope. */
export function readBundle(bytes: Uint8Array): ReadBundle | undefined {
  const document = parseJson(bytes)
  if (document === undefined || !isBundleType(document.mediaType)) return undefined
  const envelope = decodeEnvelope(document.dsseEnvelope)
  if (envelope === undefined) return undefined
  const verificationMaterial = objectOf(document.verificationMaterial)
  const { publicKey, tlogEntries } = verificationMaterial
  const { hint } = objectOf(publicKey)
  return {
    envelope,
    keyId: typeof hint === 'string' ? idOfHint(hint) : undefined,
    isLogged: arrayOf(tlogEntries).length > 0,
    certificate: certificateOf(verificationMaterial),
    document: {
      mediaType: document.mediaType,
      verificationMaterial,
      dsseEnvelope: encodeEnvelope(envelope),
    },
  }
}

export function isBundleType(type: unknown): boolean {
  return typeof type === 'string' && type.startsWith('application/vnd.dev.sigstore.bundle')
}

function certificateOf({ certificate, x509CertificateChain }: Json): Buffer | undefined {
  const [first = certificate] = arrayOf(objectOf(x509CertificateChain).certificates)
  if (first === undefined) return undefined
  const { rawBytes } = objectOf(first)
  return Buffer.from(typeof rawBytes === 'string' ? rawBytes : '', 'base64')
}

/** Sigstore's name of a key. */
function hintOf(id: Digest): string {
  return Buffer.from(hexOf(id), 'hex').toString('base64')
}

/** Undefined where the hint is something else: it is free text. */
function idOfHint(hint: string): Digest | undefined {
  const bytes = Buffer.from(hint, 'base64')
  return bytes.length === 32 ? (`sha256:${bytes.toString('hex')}` as Digest) : undefined
}
