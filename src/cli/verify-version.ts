import { BallastError, EXIT_CODES, shortDigest } from '../core/index.ts'
import { isRemote } from '../model/index.ts'
import type { Match, Trusted, TrustedIdentity } from '../trust/index.ts'
import type { CheckedSignature } from '../workflows/check-signed.ts'
import type { VerifiedVersion } from '../workflows/verify-version.ts'
import { imageAccess } from './image-access.ts'
import { formatSignatures, formatSigner } from './render/signatures.ts'
import { formatBytes, formatCount } from './render/text.ts'
import type { Session } from './session.ts'
import type { TrustOptions } from './trust-options.ts'

/** One version: its bytes, where the store has them, and who has signed it. */
export async function verifyOneVersion(session: Session, ref: string, options: TrustOptions): Promise<void> {
  const trusted = await trustedBy(options)
  const result = await verified(session, ref, { trusted, options })
  session.print(result, () => describe(result))
  if (result.problems.length > 0) session.io.setExitCode(EXIT_CODES.DAMAGED)
  else if (result.trusted === false) session.io.setExitCode(EXIT_CODES.REFUSED)
}

/** What verifies at a remote takes long to load, and is loaded for those alone. */
async function verified(
  session: Session,
  ref: string,
  { trusted, options }: { readonly trusted: Trusted | undefined; readonly options: TrustOptions },
): Promise<VerifiedVersion> {
  if (isRemote(ref)) {
    const { verifyRemote } = await import('../workflows/remote-verify.ts')
    return verifyRemote(
      { ref, trusted, access: imageAccess(session.io, options) },
      { signal: session.signal },
    )
  }
  const { verifyVersion } = await import('../workflows/verify-version.ts')
  return verifyVersion(await session.store(), { ref, trusted }, session)
}

/** Undefined where nobody is named. Throws USAGE for what makes no sense together. */
export async function trustedBy(options: TrustOptions): Promise<Trusted | undefined> {
  const { key = [], trustedRoot } = options
  const identity = identityBy(options)
  if (identity !== undefined && trustedRoot === undefined) {
    throw new BallastError(
      'USAGE',
      'an identity is proven by a certificate, and no authority is named to judge it by',
      {
        hint: 'name --trusted-root FILE (of the public instance: cosign trusted-root create, or ~/.sigstore/root/…/trusted_root.json)',
      },
    )
  }
  if (key.length === 0 && identity === undefined) {
    if (trustedRoot === undefined) return undefined
    throw new BallastError('USAGE', '--trusted-root alone says not whose signature is wanted', {
      hint: 'name --key FILE, or --certificate-identity and --certificate-oidc-issuer',
    })
  }
  const { publicKeyFrom, trustedRootFrom } = await import('../workflows/signers.ts')
  return {
    keys: await Promise.all(key.map(publicKeyFrom)),
    identities: identity === undefined ? [] : [identity],
    root: trustedRoot === undefined ? undefined : await trustedRootFrom(trustedRoot),
  }
}

function identityBy(options: TrustOptions): TrustedIdentity | undefined {
  const identity = matchBy(
    options.certificateIdentity,
    options.certificateIdentityRegexp,
    'certificate-identity',
  )
  const issuer = matchBy(
    options.certificateOidcIssuer,
    options.certificateOidcIssuerRegexp,
    'certificate-oidc-issuer',
  )
  if (identity === undefined && issuer === undefined) return undefined
  if (identity !== undefined && issuer !== undefined) return { identity, issuer }
  throw new BallastError('USAGE', 'a name counts only together with who vouches for it', {
    hint: 'give both --certificate-identity and --certificate-oidc-issuer (or their -regexp forms)',
  })
}

function matchBy(text: string | undefined, pattern: string | undefined, flag: string): Match | undefined {
  if (text !== undefined && pattern !== undefined) {
    throw new BallastError('USAGE', `--${flag} and --${flag}-regexp say the same thing twice`, {
      hint: 'give one of them',
    })
  }
  if (text !== undefined) return { text }
  if (pattern === undefined) return undefined
  try {
    return { pattern: new RegExp(pattern) }
  } catch {
    throw new BallastError('USAGE', `--${flag}-regexp ${JSON.stringify(pattern)} is no regular expression`, {
      hint: `for one name write --${flag}`,
    })
  }
}

function describe({ ref, digest, bytes, problems, signatures, trusted }: VerifiedVersion): string {
  const read =
    bytes === undefined
      ? 'its bytes are verified when they are pulled'
      : problems.length === 0
        ? `${formatBytes(bytes)} read: as it was added`
        : `${formatBytes(bytes)}: ${formatCount(problems.length, 'problem')}`
  const lines = problems.map(({ kind, digest: of, mend }) => `  ${kind} ${of}\n    ${mend}\n`)
  return `${ref}   ${shortDigest(digest)}   ${read}\n${lines.join('')}${describeSignatures({ signatures, trusted })}`
}

function describeSignatures({
  signatures,
  trusted,
}: Pick<VerifiedVersion, 'signatures' | 'trusted'>): string {
  if (signatures.length === 0) {
    return trusted === undefined ? 'nobody has signed it\n' : 'refused: nobody has signed it\n'
  }
  if (trusted === undefined) {
    return `${formatSignatures(signatures)}  to verify that, name whom you trust: --key cosign.pub, or --certificate-identity\n`
  }
  const list = signatures.map(describeSignature).join('')
  return trusted ? list : `refused: no signature on it is trusted\n${list}`
}

function describeSignature(signature: CheckedSignature): string {
  return signature.refused === undefined
    ? `  verified: signed by ${formatSigner(signature)}\n`
    : `  not counted: ${signature.refused}\n`
}
