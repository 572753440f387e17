import { BallastError, createFileDurably, type Digest, keepSecret, readIfPresent } from '../core/index.ts'
import {
  generateKeyPair,
  needsPassword,
  type PublicKey,
  readPublicKey,
  readSigner,
  readTrustedRoot,
  type Signer,
  type TrustedRoot,
} from '../trust/index.ts'

export interface GeneratedKeys {
  readonly privateKey: string
  readonly publicKey: string
  readonly keyId: Digest
}

/**
 * Writes a new pair as `PREFIX.key`, which its owner alone may read, and `PREFIX.pub`. Throws CONFLICT where either is
 * there: a key that is lost cannot be made again.
 */
export async function generateKeys(prefix: string, password: string): Promise<GeneratedKeys> {
  const [privateKey, publicKey] = [`${prefix}.key`, `${prefix}.pub`]
  await refuseExisting({ privateKey, publicKey })
  const pair = await generateKeyPair(password)
  if (!(await createFileDurably(privateKey, pair.privateKey, { mode: 0o600 }))) throw existing(privateKey)
  if (!(await createFileDurably(publicKey, pair.publicKey, { mode: 0o644 }))) throw existing(publicKey)
  return { privateKey, publicKey, keyId: pair.signer.publicKey.id }
}

/** Before anybody types a password for it. Throws CONFLICT. */
export async function refuseExisting({
  privateKey,
  publicKey,
}: Pick<GeneratedKeys, 'privateKey' | 'publicKey'>): Promise<void> {
  for (const path of [privateKey, publicKey])
    if ((await readIfPresent(path)) !== undefined) throw existing(path)
}

/** `password` is asked for only where the file needs one. Throws NOT_FOUND, USAGE, and UNAUTHORIZED for a wrong password. */
export async function signerFrom(file: string, password: () => Promise<string>): Promise<Signer> {
  const text = (await readKey(file)).toString()
  if (!needsPassword(text)) return readSigner(text, '', file)
  const secret = await password()
  keepSecret(secret)
  return readSigner(text, secret, file)
}

/** Throws NOT_FOUND, USAGE. */
export async function publicKeyFrom(file: string): Promise<PublicKey> {
  return readPublicKey((await readKey(file)).toString(), file)
}

/** Throws NOT_FOUND, USAGE. */
export async function trustedRootFrom(file: string): Promise<TrustedRoot> {
  return readTrustedRoot((await readKey(file)).toString(), file)
}

async function readKey(file: string): Promise<Buffer> {
  const bytes = await readIfPresent(file)
  if (bytes !== undefined) return bytes
  throw new BallastError('NOT_FOUND', `${file}: no such file`, {
    hint: 'to make a pair: ballast generate-key-pair writes cosign.key and cosign.pub',
  })
}

function existing(path: string): BallastError {
  return new BallastError('CONFLICT', `${path} is there already, and keys are never overwritten`, {
    hint: 'choose another name with --output-key-prefix, or move the old pair away',
  })
}
