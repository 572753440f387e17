import type { Digest } from '../core/index.ts'
import {
  type AttachedSignature,
  type Claim,
  claimOf,
  isSignature,
  type SignedBy,
  type Trusted,
  verifyAttached,
} from '../trust/index.ts'

/** A signature that is attached, and what became of it. */
export interface CheckedSignature {
  readonly form: Claim['form']
  /** Who has made it, where that was verified. */
  readonly by: SignedBy | undefined
  /** What it says of its signer; nothing of it is proven. */
  readonly claims: Pick<Claim, 'keyId' | 'identity'>
  /** Why it does not count; undefined where it does. */
  readonly refused: string | undefined
}

export interface CheckedSignatures {
  readonly signatures: readonly CheckedSignature[]
  /** Whether a trusted signature was found; undefined where nobody was named to be trusted. */
  readonly trusted: boolean | undefined
}

/** Judges the signatures among what is signed about a subject; statements of other kinds are none. */
export async function checkSigned(
  signed: readonly AttachedSignature[],
  { trusted, subject }: { readonly trusted: Trusted | undefined; readonly subject: Digest },
): Promise<CheckedSignatures> {
  const signatures: CheckedSignature[] = []
  for (const attached of signed.filter(isSignature)) {
    const { form, keyId, identity } = claimOf(attached)
    const verdict = trusted && (await verifyAttached(attached, trusted, subject))
    signatures.push({
      form,
      by: verdict?.ok === true ? verdict.by : undefined,
      claims: { keyId, identity },
      refused: verdict?.ok === false ? verdict.why : undefined,
    })
  }
  const trustworthy = trusted && signatures.some(({ by }) => by !== undefined)
  return { signatures, trusted: trustworthy }
}
