import { createHash, hash } from 'node:crypto'
import { BallastError } from './errors.ts'

declare const brand: unique symbol
/** `sha256:` and 64 lower-case hexadecimal digits. Made only by the functions of this module. */
export type Digest = string & { readonly [brand]: 'Digest' }

const PATTERN = /^sha256:[0-9a-f]{64}$/

export function isDigest(text: string): text is Digest {
  return PATTERN.test(text)
}

/** Throws USAGE for anything but a sha256 digest. */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text
  throw new BallastError('USAGE', `not a sha256 digest: ${JSON.stringify(text)}`)
}

declare const sha512Brand: unique symbol
/** `sha512:` and 128 lower-case hexadecimal digits: another name for bytes, which are kept by their sha256 digest. */
export type Sha512 = string & { readonly [sha512Brand]: 'Sha512' }
export type AnyDigest = Digest | Sha512

const SHA512_PATTERN = /^sha512:[0-9a-f]{128}$/

export function isSha512(text: string): text is Sha512 {
  return SHA512_PATTERN.test(text)
}

/** Of the algorithms that are registered (image-spec, descriptor.md, "Registered algorithms"). */
export function isAnyDigest(text: string): text is AnyDigest {
  return isDigest(text) || isSha512(text)
}

export async function sha512Of(chunks: AsyncIterable<Uint8Array>): Promise<Sha512> {
  const hash = createHash('sha512')
  for await (const chunk of chunks) hash.update(chunk)
  return `sha512:${hash.digest('hex')}` as Sha512
}

export function digestOfHex(hex: string): Digest {
  return parseDigest(`sha256:${hex}`)
}

export function digestOf(data: Uint8Array | string): Digest {
  return `sha256:${hash('sha256', data)}` as Digest
}

export function hexOf(digest: Digest): string {
  return digest.slice('sha256:'.length)
}

/** Twelve digits, for people. */
export function shortDigest(digest: Digest): string {
  return hexOf(digest).slice(0, 12)
}

export interface Hasher {
  update(chunk: Uint8Array): void
  digest(): Digest
}

export function createHasher(): Hasher {
  const hash = createHash('sha256')
  return {
    update: (chunk) => void hash.update(chunk),
    digest: () => digestOfHex(hash.digest('hex')),
  }
}
