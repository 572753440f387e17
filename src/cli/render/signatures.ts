import { oneLine, shortDigest } from '../../core/index.ts'
import type { CheckedSignature } from '../../workflows/check-signed.ts'

/** One line of who has signed a version; nothing where nobody has. */
export function formatSignatures(signatures: readonly CheckedSignature[]): string {
  if (signatures.length === 0) return ''
  const verified = signatures.filter(({ by }) => by !== undefined).map(formatSigner)
  const others = signatures.filter(({ by }) => by === undefined).map(formatSigner)
  const lines = [
    ...(verified.length === 0 ? [] : [`signed by: ${[...new Set(verified)].join(', ')} (verified)\n`]),
    ...(others.length === 0
      ? []
      : [`signed, it says, by: ${[...new Set(others)].join(', ')} (not verified)\n`]),
  ]
  return lines.join('')
}

/** Who has made it, or says so. */
export function formatSigner({ by, claims }: CheckedSignature): string {
  if (by?.kind === 'key') return `key ${shortDigest(by.keyId)}`
  if (by !== undefined) return oneLine(`${by.identity} (${by.issuer})`)
  if (claims.identity !== undefined) return oneLine(claims.identity)
  return claims.keyId === undefined ? 'a key that it does not name' : `key ${shortDigest(claims.keyId)}`
}
