import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign as signBytes,
  verify as verifyBytes,
} from 'node:crypto'
import { BallastError, type Digest, digestOf } from '../core/index.ts'

/** A key that signatures are verified with. */
export interface PublicKey {
  /** SHA-256 of its SPKI DER, so that every form of it has the same. */
  readonly id: Digest
  readonly algorithm: KeyAlgorithm
  /** SPKI, as `cosign.pub` has it. */
  readonly pem: string
  readonly key: KeyObject
}

export type KeyAlgorithm = 'ECDSA P-256' | 'Ed25519' | 'RSA'

/** Signs with a private key that nothing else shows. */
export interface Signer {
  readonly publicKey: PublicKey
  readonly sign: (data: Uint8Array) => Buffer
}

/** In bits. Shorter ones are refused by cosign too. */
const SHORTEST_RSA = 2048

/** A public key in PEM (SPKI). Throws USAGE for anything else; `what` names it for people. */
export function readPublicKey(text: string, what = 'the key'): PublicKey {
  if (/PRIVATE KEY-----/.test(text)) {
    throw new BallastError('USAGE', `${what} is a private key, which no verifier needs`, {
      hint: 'name the public half of the pair, cosign.pub; keep the private one where signing is done',
    })
  }
  if (!/-----BEGIN (?:RSA )?PUBLIC KEY-----/.test(text)) throw noPublicKey(what)
  return publicKeyOf(unlessBroken(() => createPublicKey(text)) ?? fail(noPublicKey(what)), what)
}

/** From PKCS#8, SEC1 or PKCS#1, not encrypted. Throws USAGE, without a word of the key in it. */
export function signerOf(
  privateKey: { readonly der: Uint8Array } | { readonly pem: string },
  what = 'the key',
): Signer {
  const read = (): KeyObject =>
    'pem' in privateKey
      ? createPrivateKey(privateKey.pem)
      : createPrivateKey({ key: Buffer.from(privateKey.der), format: 'der', type: 'pkcs8' })
  const key = unlessBroken(read)
  if (key === undefined) {
    throw new BallastError('USAGE', `${what} is no private key that can be read`, {
      hint: 'ballast generate-key-pair makes one; PKCS#8 in PEM is read too',
    })
  }
  const publicKey = publicKeyOf(createPublicKey(key), what)
  return { publicKey, sign: (data) => signBytes(hashOf(publicKey), data, key) }
}

/** A new ECDSA P-256 key, as cosign makes them: its PKCS#8 DER. */
export function generatePrivateKey(): Buffer {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return privateKey.export({ format: 'der', type: 'pkcs8' })
}

/** Whether the holder of the key has signed exactly these bytes. */
export function isSignedBy(key: PublicKey, data: Uint8Array, signature: Uint8Array): boolean {
  return unlessBroken(() => verifyBytes(hashOf(key), data, key.key, signature)) === true
}

function publicKeyOf(read: KeyObject, what: string): PublicKey {
  const algorithm = algorithmOf(read, what)
  const key = algorithm === 'ECDSA P-256' ? withWholePoint(read) : read
  const id = digestOf(key.export({ format: 'der', type: 'spki' }))
  return { id, algorithm, pem: key.export({ format: 'pem', type: 'spki' }).toString(), key }
}

/** OpenSSL writes the point as it was read, and it may have been compressed. */
function withWholePoint(key: KeyObject): KeyObject {
  return createPublicKey({ key: key.export({ format: 'jwk' }), format: 'jwk' })
}

function algorithmOf(key: KeyObject, what: string): KeyAlgorithm {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  if (type === 'ec' && details?.namedCurve === 'prime256v1') return 'ECDSA P-256'
  if (type === 'ed25519') return 'Ed25519'
  if (type === 'rsa' && (details?.modulusLength ?? 0) >= SHORTEST_RSA) return 'RSA'
  const found = [type, details?.namedCurve ?? details?.modulusLength].filter(Boolean).join(' ')
  throw new BallastError(
    'USAGE',
    `${what} is a key of a kind that is not used for signatures here (${found})`,
    {
      hint: `use ECDSA P-256 (ballast generate-key-pair), Ed25519, or RSA of at least ${SHORTEST_RSA} bits`,
    },
  )
}

/** Ed25519 hashes by itself. */
function hashOf({ algorithm }: Pick<PublicKey, 'algorithm'>): 'sha256' | null {
  return algorithm === 'Ed25519' ? null : 'sha256'
}

function noPublicKey(what: string): BallastError {
  return new BallastError('USAGE', `${what} is no public key in PEM`, {
    hint: 'a public key begins with -----BEGIN PUBLIC KEY-----; ballast generate-key-pair writes cosign.pub',
  })
}

/** What OpenSSL says of a broken key helps nobody, and may repeat parts of it. */
function unlessBroken<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}

function fail(error: BallastError): never {
  throw error
}
