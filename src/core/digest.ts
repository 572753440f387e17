import { createHash } from 'node:crypto'
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

export function digestOfHex(hex: string): Digest {
  return parseDigest(`sha256:${hex}`)
}

export function digestOf(data: Uint8Array | string): Digest {
  return digestOfHex(createHash('sha256').update(data).digest('hex'))
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
