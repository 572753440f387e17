import type { KeyObject } from 'node:crypto'
import type { Signer, VerifierOptions } from '@sigstore/verify'
import { objectOf } from '../model/index.ts'
import { withPlainCheckpoints } from './checkpoints.ts'
import type { TrustedRoot } from './trusted-root.ts'
import {
  formatSignedBy,
  matches,
  refused,
  type Trusted,
  type TrustedIdentity,
  type Verdict,
} from './verdict.ts'

/** A bundle as JSON, and the signed bytes where they are not in it. */
export interface CertifiedBundle {
  readonly document: object
  readonly artifact?: Uint8Array
}

/**
 * Judges what was signed with a certificate: it has to come from an authority of the root, to have been valid when it was
 * used (by the log or a timestamp), to be in the logs that the root names, and to be one of the identities'.
 */
export async function verifyCertified(
  bundle: CertifiedBundle,
  { identities = [], root }: Trusted,
): Promise<Verdict<undefined>> {
  if (identities.length === 0) return refused('it was signed with a certificate, and no identity is trusted')
  if (root === undefined) {
    return refused('it was signed with a certificate, which only a trusted root can tell from a forged one')
  }
  try {
    const found = await signerOf(bundle, root)
    const by = { kind: 'identity', identity: found.identity, issuer: found.issuer } as const
    if (identities.some((trusted) => isOf(trusted, found))) return { ok: true, by, value: undefined }
    return refused(`it was signed by ${formatSignedBy(by)}, who is not trusted`)
  } catch (error) {
    return refused(explain(error))
  }
}

/** Whether what a bundle that was signed with a key says of transparency logs is true. Undefined where it is. */
export async function whyNotLogged(
  bundle: CertifiedBundle,
  { root, key }: { readonly root: TrustedRoot; readonly key: KeyObject },
): Promise<string | undefined> {
  try {
    await verifyBy(bundle, root, {
      key,
      thresholds: { tlogThreshold: 1, ctlogThreshold: 0, timestampThreshold: 0 },
    })
    return undefined
  } catch (error) {
    return explain(error)
  }
}

interface Found {
  readonly identity: string
  readonly issuer: string
}

async function signerOf(bundle: CertifiedBundle, root: TrustedRoot): Promise<Found> {
  const thresholds = {
    tlogThreshold: root.hasTransparencyLogs ? 1 : 0,
    ctlogThreshold: root.hasCertificateLogs ? 1 : 0,
    timestampThreshold: 1,
  }
  const { identity } = await verifyBy(bundle, root, { thresholds })
  return {
    identity: identity?.subjectAlternativeName ?? '',
    issuer: identity?.extensions?.issuer ?? '',
  }
}

/** By sigstore's own code, which is loaded only where a certificate or a log is to be judged. */
async function verifyBy(
  { document, artifact }: CertifiedBundle,
  root: TrustedRoot,
  { key, thresholds }: { readonly key?: KeyObject; readonly thresholds: VerifierOptions },
): Promise<Signer> {
  const [{ Verifier, toSignedEntity, toTrustMaterial }, { bundleFromJSON }, { TrustedRoot: Root }] =
    await Promise.all([
      import('@sigstore/verify'),
      import('@sigstore/bundle'),
      import('@sigstore/protobuf-specs'),
    ])
  const keys = key && (() => ({ publicKey: key, validFor: () => true }))
  const verifier = new Verifier(toTrustMaterial(Root.fromJSON(root.document), keys), thresholds)
  return verifier.verify(
    toSignedEntity(bundleFromJSON(withPlainCheckpoints(document)), artifact && Buffer.from(artifact)),
  )
}

function isOf({ identity, issuer }: TrustedIdentity, found: Found): boolean {
  return found.identity !== '' && matches(identity, found.identity) && matches(issuer, found.issuer)
}

/** What the verifier's codes mean. */
const REASONS: Readonly<Record<string, string>> = {
  CERTIFICATE_ERROR:
    'its certificate does not come from an authority of the trusted root, or was not valid when it signed',
  PUBLIC_KEY_ERROR: 'its key was not valid when it signed',
  SIGNATURE_ERROR: 'the signature does not fit what it signs: one of the two was changed',
  TIMESTAMP_ERROR: 'nothing that is trusted says when it was signed',
  TLOG_ERROR: 'it is not in a transparency log of the trusted root',
  TLOG_MISSING_INCLUSION_ERROR: 'it has no proof that it is in a transparency log',
  TLOG_INCLUSION_PROOF_ERROR: 'its proof of being in the transparency log does not hold',
  TLOG_INCLUSION_PROMISE_ERROR:
    'its promise of the transparency log was not signed by a log of the trusted root',
  TLOG_BODY_ERROR: 'its entry in the transparency log is that of another signature',
}

/** Whatever breaks while foreign bytes are read makes them no evidence, so nothing is thrown on. */
function explain(error: unknown): string {
  const { code, message, cause } = objectOf(error)
  const reason = typeof code === 'string' ? REASONS[code] : undefined
  const detail = [message, objectOf(cause).message].filter((part) => typeof part === 'string').join(': ')
  return `${reason ?? 'it cannot be read'} (${detail || 'malformed'})`
}
