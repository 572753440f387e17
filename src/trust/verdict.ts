import { type Digest, oneLine, shortDigest } from '../core/index.ts'
import type { PublicKey } from './keys.ts'
import type { TrustedRoot } from './trusted-root.ts'

/** Whose signatures count. */
export interface Trusted {
  readonly keys?: readonly PublicKey[]
  readonly identities?: readonly TrustedIdentity[]
  /** Certificates count by it alone. Where it is given, what is said to be in a log has to be there, for keys too. */
  readonly root?: TrustedRoot | undefined
}

/** A person or a job, as an identity provider names it: both have to fit. */
export interface TrustedIdentity {
  readonly identity: Match
  readonly issuer: Match
}

/** The very text, or a regular expression that fits somewhere in it, as cosign's do. */
export type Match = { readonly text: string } | { readonly pattern: RegExp }

export type SignedBy =
  | { readonly kind: 'key'; readonly keyId: Digest }
  | { readonly kind: 'identity'; readonly identity: string; readonly issuer: string }

export type Verdict<T> =
  | { readonly ok: true; readonly by: SignedBy; readonly value: T }
  /** In words for the user: what is wrong with it. */
  | { readonly ok: false; readonly why: string }

/** Parts of `why` may be what a stranger has written. */
export function refused(why: string): { readonly ok: false; readonly why: string } {
  return { ok: false, why: oneLine(why, LONGEST_REASON) }
}

const LONGEST_REASON = 500

export function matches(match: Match, value: string): boolean {
  return 'text' in match ? match.text === value : match.pattern.test(value)
}

/** For people: `key 3f2a… ` or `alice@example.com (https://issuer)`. */
export function formatSignedBy(by: SignedBy): string {
  return by.kind === 'key' ? `key ${shortDigest(by.keyId)}` : oneLine(`${by.identity} (${by.issuer})`)
}
