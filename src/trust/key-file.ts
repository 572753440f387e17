import { randomBytes, scrypt as scryptCallback } from 'node:crypto'
import { promisify } from 'node:util'
import { BallastError } from '../core/index.ts'
import { objectOf, parseJson } from '../model/index.ts'
import { generatePrivateKey, type Signer, signerOf } from './keys.ts'

const scrypt = promisify<Buffer, Buffer, number, object, Buffer>(scryptCallback)

/** The PEM of cosign's private keys; the first is what it writes since 2.0, the second what it wrote before. */
const SEALED = ['ENCRYPTED SIGSTORE PRIVATE KEY', 'ENCRYPTED COSIGN PRIVATE KEY'] as const

/** N of the scrypt parameters that cosign reads and writes; r is 8 and p is 1. Others would let a file take all memory. */
const COSTS: readonly unknown[] = [32768, 65536, 131072]
const COST = 65536
const [KEY_BYTES, SALT_BYTES, NONCE_BYTES] = [32, 32, 24]

export interface KeyPair {
  /** For a file with mode 0600. */
  readonly privateKey: string
  /** Of `cosign.pub`. */
  readonly publicKey: string
  readonly signer: Signer
}

/** A new key pair, as `cosign generate-key-pair` makes it; without a password it is sealed with the empty one. */
export async function generateKeyPair(password: string): Promise<KeyPair> {
  const der = generatePrivateKey()
  const signer = signerOf({ der })
  return { privateKey: await seal(der, password), publicKey: signer.publicKey.pem, signer }
}

/** Whether the file is of no use without a password, an empty one included. */
export function needsPassword(text: string): boolean {
  return pemOf(text, SEALED) !== undefined
}

/**
 * A private key: cosign's, sealed with a password, or PKCS#8, SEC1 and PKCS#1 in PEM as they are. `what` names the file.
 * Throws USAGE for what is none, UNAUTHORIZED for a wrong password; never with a word of the key in it.
 */
export async function readSigner(text: string, password: string, what = 'the key'): Promise<Signer> {
  const sealed = pemOf(text, SEALED)
  if (sealed !== undefined) return signerOf({ der: await unseal(sealed, password, what) }, what)
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----/.test(text)) {
    throw new BallastError('USAGE', `${what} is an encrypted PKCS#8 key, which is not read here`, {
      hint: 'give it as cosign has it: cosign import-key-pair --key FILE',
    })
  }
  if (/-----BEGIN (?:RSA )?PUBLIC KEY-----/.test(text)) {
    throw new BallastError('USAGE', `${what} is a public key, and signing needs the private one`, {
      hint: 'name cosign.key, the other half of the pair',
    })
  }
  return signerOf({ pem: text }, what)
}

async function seal(der: Buffer, password: string): Promise<string> {
  const [salt, nonce] = [randomBytes(SALT_BYTES), randomBytes(NONCE_BYTES)]
  const key = await derive(password, { salt, N: COST })
  const { xsalsa20poly1305 } = await import('@noble/ciphers/salsa.js')
  const document = {
    kdf: { name: 'scrypt', params: { N: COST, r: 8, p: 1 }, salt: salt.toString('base64') },
    cipher: { name: 'nacl/secretbox', nonce: nonce.toString('base64') },
    ciphertext: Buffer.from(xsalsa20poly1305(key, nonce).encrypt(der)).toString('base64'),
  }
  const lines =
    Buffer.from(JSON.stringify(document))
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${SEALED[0]}-----`, ...lines, `-----END ${SEALED[0]}-----`, ''].join('\n')
}

async function unseal(document: Buffer, password: string, what: string): Promise<Uint8Array> {
  const { salt, nonce, ciphertext, N } = parseSealed(document, what)
  const key = await derive(password, { salt, N })
  const { xsalsa20poly1305 } = await import('@noble/ciphers/salsa.js')
  try {
    return xsalsa20poly1305(key, nonce).decrypt(ciphertext)
  } catch {
    throw new BallastError('UNAUTHORIZED', `${what} does not open with this password`, {
      hint: 'set BALLAST_KEY_PASSWORD or COSIGN_PASSWORD, or leave both out to be asked on the terminal',
    })
  }
}

interface Sealed {
  readonly salt: Buffer
  readonly nonce: Buffer
  readonly ciphertext: Buffer
  readonly N: number
}

function parseSealed(document: Buffer, what: string): Sealed {
  const parsed = parseJson(document)
  const [kdf, cipher] = [objectOf(parsed?.kdf), objectOf(parsed?.cipher)]
  const { N, r, p } = objectOf(kdf.params)
  const nonce = bytesOf(cipher.nonce)
  const isKnown =
    kdf.name === 'scrypt' &&
    cipher.name === 'nacl/secretbox' &&
    COSTS.includes(N) &&
    r === 8 &&
    p === 1 &&
    nonce.length === NONCE_BYTES
  if (isKnown)
    return { N: N as number, nonce, salt: bytesOf(kdf.salt), ciphertext: bytesOf(parsed?.ciphertext) }
  throw new BallastError('USAGE', `${what} is not sealed as cosign does it (scrypt and nacl/secretbox)`, {
    hint: 'make a new one with ballast generate-key-pair, or name an unencrypted PKCS#8 key',
  })
}

function derive(
  password: string,
  { salt, N }: { readonly salt: Buffer; readonly N: number },
): Promise<Buffer> {
  return scrypt(Buffer.from(password), salt, KEY_BYTES, { N, r: 8, p: 1, maxmem: 256 * N * 8 })
}

function pemOf(text: string, types: readonly string[]): Buffer | undefined {
  for (const type of types) {
    const [, body] =
      new RegExp(`-----BEGIN ${type}-----([\\sA-Za-z0-9+/=]+)-----END ${type}-----`).exec(text) ?? []
    if (body !== undefined) return Buffer.from(body, 'base64')
  }
  return undefined
}

function bytesOf(value: unknown): Buffer {
  return typeof value === 'string' ? Buffer.from(value, 'base64') : Buffer.alloc(0)
}
