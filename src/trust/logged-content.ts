import { createHash } from 'node:crypto'
import { arrayOf, objectOf, parseJson } from '../model/index.ts'
import type { CertifiedBundle } from './certificate.ts'
import { type Envelope, preAuthEncoding } from './dsse.ts'

/** As Rekor names them, and node. */
const HASHES: Readonly<Record<string, string>> = {
  SHA2_256: 'sha256',
  SHA2_384: 'sha384',
  SHA2_512: 'sha512',
}

/**
 * What sigstore's verifier is to be given of an envelope: Rekor 2 logs it as the digest of what is signed, as it does for
 * signatures of plain content, and each of its entries then has to be of that content.
 */
export function loggedContent(bundle: CertifiedBundle, envelope: Envelope): CertifiedBundle {
  const { mediaType, verificationMaterial } = objectOf(bundle.document)
  const entries = arrayOf(objectOf(verificationMaterial).tlogEntries).map(objectOf)
  const kinds = entries.map(({ kindVersion }) => objectOf(kindVersion).kind)
  if (entries.length === 0 || kinds.some((kind) => kind !== 'hashedrekord')) return bundle
  const algorithm = algorithmOf(entries[0]?.canonicalizedBody)
  const artifact = preAuthEncoding(envelope)
  const digest = createHash(HASHES[algorithm] ?? 'sha256')
    .update(artifact)
    .digest('base64')
  const messageSignature = {
    messageDigest: { algorithm, digest },
    signature: envelope.signature.toString('base64'),
  }
  return { document: { mediaType, verificationMaterial, messageSignature }, artifact }
}

/** By which the log has hashed it: it follows from the key, and the digest and the signature have to fit by it. */
function algorithmOf(body: unknown): string {
  const entry = parseJson(Buffer.from(String(body), 'base64'))
  const { algorithm } = objectOf(objectOf(objectOf(entry?.spec).hashedRekordV002).data)
  return typeof algorithm === 'string' && Object.hasOwn(HASHES, algorithm) ? algorithm : 'SHA2_256'
}
