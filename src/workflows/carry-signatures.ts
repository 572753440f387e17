import type { CallOptions, Digest } from '../core/index.ts'
import type { RepositoryName } from '../model/index.ts'
import type { ImageRepository } from '../oci/index.ts'
import type { Session, Store } from '../store/index.ts'
import type { AttachedSignature } from '../trust/index.ts'
import { keepsSignatureTags } from './put-signature.ts'
import { signaturesAt } from './remote-signatures.ts'
import { addToSignaturesTag } from './signature-tags.ts'
import { attachSigned, readSigned, type SignatureSource } from './signatures.ts'

type SimpleAttached = Extract<AttachedSignature, { readonly form: 'simplesigning' }>

/** Puts the signatures of cosign's older form where cosign looks for them at a remote. How many are new there. */
export async function sendSignatures(
  {
    from,
    to,
    subject,
  }: { readonly from: SignatureSource; readonly to: ImageRepository; readonly subject: Digest },
  options: CallOptions = {},
): Promise<number> {
  if (!keepsSignatureTags(to)) return 0
  const signatures = await simpleSignatures(from, subject, options)
  return signatures.length === 0 ? 0 : addToSignaturesTag(to, { subject, signatures }, options)
}

/** Attaches those that stand under a tag at a remote to the version in the store, which the session has leased. How many there are. */
export async function takeSignatures(
  store: Store,
  {
    session,
    name,
    from,
    subject,
  }: {
    readonly session: Session
    readonly name: RepositoryName
    readonly from: ImageRepository
    readonly subject: Digest
  },
  options: CallOptions = {},
): Promise<void> {
  if (!keepsSignatureTags(from)) return
  for (const signature of await simpleSignatures(signaturesAt(from), subject, options))
    await attachSigned(store, session, { name, subject, signature })
}

async function simpleSignatures(
  source: SignatureSource,
  subject: Digest,
  options: CallOptions,
): Promise<readonly SimpleAttached[]> {
  const all = await readSigned(source, subject, options)
  return all.filter((signature) => signature.form === 'simplesigning')
}
