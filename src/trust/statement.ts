import { type Digest, digestOfHex, hexOf } from '../core/index.ts'
import { arrayOf, type Json, objectOf, parseJson } from '../model/index.ts'

/** What an in-toto statement is, as the type of a DSSE payload. */
export const STATEMENT_PAYLOAD = 'application/vnd.in-toto+json'
const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1'
const FORMER_TYPES: readonly unknown[] = [STATEMENT_TYPE, 'https://in-toto.io/Statement/v0.1']

/** That its signer stands for the subject: what `cosign sign` and `ballast sign` say. Nothing else counts as a signature of a version. */
export const SIGN_PREDICATE = 'https://sigstore.dev/cosign/sign/v1'

/** Something that is said of what has these digests (in-toto attestation framework, v1). */
export interface Statement {
  readonly subjects: readonly Digest[]
  readonly predicateType: string
  readonly predicate: Json
}

export function encodeStatement({ subjects, predicateType, predicate }: Statement): Buffer {
  const subject = subjects.map((digest) => ({ digest: { sha256: hexOf(digest) } }))
  return Buffer.from(JSON.stringify({ _type: STATEMENT_TYPE, subject, predicateType, predicate }))
}

/** Undefined for anything else. Subjects without a sha256 are left out: nothing here goes by another name. */
export function decodeStatement(payload: Uint8Array): Statement | undefined {
  const parsed = parseJson(payload)
  if (!FORMER_TYPES.includes(parsed?._type) || typeof parsed?.predicateType !== 'string') return undefined
  const subjects = arrayOf(parsed.subject).flatMap((subject) => {
    const { sha256 } = objectOf(objectOf(subject).digest)
    return typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256) ? [digestOfHex(sha256)] : []
  })
  return { subjects, predicateType: parsed.predicateType, predicate: objectOf(parsed.predicate) }
}
