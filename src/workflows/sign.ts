import { BallastError, type CallOptions, type Digest } from '../core/index.ts'
import { formatReference } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import {
  type AttachedSignature,
  claimOf,
  SIGN_PREDICATE,
  type Signer,
  type Statement,
  signSimply,
  signStatement,
  verifyAttached,
} from '../trust/index.ts'
import type { ImageAccess } from './image-places.ts'
import { putSigned } from './put-signature.ts'
import { signaturesAt } from './remote-signatures.ts'
import { nothingThere, openRemote } from './remotes.ts'
import { findLeased } from './resolve.ts'
import { attachSigned, readSigned, type SignatureSource, storedSignatures } from './signatures.ts'

/** A key, or an identity that a certificate stands for. */
export type SignWith =
  | { readonly kind: 'key'; readonly signer: Signer }
  | { readonly kind: 'identity'; readonly sign: (statement: Statement) => Promise<Buffer> }

export interface SignRequest {
  readonly ref: string
  readonly by: SignWith
  /** cosign's: a bundle (3.0 and later), or a simple signature (before). */
  readonly form: 'bundle' | 'legacy'
}

export interface SignResult {
  readonly ref: string
  readonly digest: Digest
  readonly form: 'bundle' | 'legacy'
  /** Of a signature that was made with a key. */
  readonly keyId: Digest | undefined
  /** Of one that a certificate stands for. */
  readonly identity: string | undefined
  /** False where this key has signed it in this form already. */
  readonly signed: boolean
}

/** Signs a version of the store: what it is called does not matter, its digest does. Throws what `findVersion` throws. */
export async function signStored(store: Store, request: SignRequest): Promise<SignResult> {
  await using session = await store.begin()
  const { reference, version } = await findLeased(store, session, request.ref)
  const { name } = reference
  const { digest } = version
  const result = { ref: formatReference(reference), digest }
  const source = storedSignatures(store, name)
  const signature = await newSignature(source, request, { digest, reference: name })
  if (signature === undefined) return describe(request, result)
  await attachSigned(store, session, { name, subject: digest, signature })
  await store.project(session)
  return describe(request, { ...result, signature })
}

/** Signs what a tag or digest stands for at a registry, in a bucket or in a layout: a model, or an image. Throws NOT_FOUND, and what the remote throws. */
export async function signRemote(
  { access, ...request }: SignRequest & { readonly access: ImageAccess },
  options: CallOptions = {},
): Promise<SignResult> {
  const remote = await openRemote(request.ref, access)
  const { repository, reference, at } = remote
  try {
    const subject = await repository.getManifest(reference, options)
    if (subject === undefined) throw await nothingThere(remote, options)
    const { digest } = subject
    const result = { ref: at(digest), digest }
    const what = { digest, reference: repository.name }
    const signature = await newSignature(signaturesAt(repository), request, what, options)
    if (signature === undefined) return describe(request, result)
    await putSigned(repository, { subject, signature }, options)
    return describe(request, { ...result, signature })
  } finally {
    await repository.close?.()
  }
}

type MadeSignature = Exclude<AttachedSignature, { readonly form: 'unreadable' }>

/** Undefined where the same key has signed it in the same form: another signature would say nothing more. */
async function newSignature(
  source: SignatureSource,
  { by, form }: SignRequest,
  { digest, reference }: { readonly digest: Digest; readonly reference: string },
  options: CallOptions = {},
): Promise<MadeSignature | undefined> {
  if (by.kind === 'identity') {
    if (form === 'bundle') return { form, bytes: await by.sign(statementOf(digest)) }
    throw new BallastError('USAGE', 'an identity signs in the form of a bundle only', {
      hint: 'leave --format legacy out, or sign with --key',
    })
  }
  const wanted = form === 'bundle' ? 'bundle' : 'simplesigning'
  for (const known of await readSigned(source, digest, options)) {
    if (known.form !== wanted) continue
    const verdict = await verifyAttached(known, { keys: [by.signer.publicKey] }, digest)
    if (verdict.ok) return undefined
  }
  return form === 'bundle'
    ? { form, bytes: signStatement(by.signer, statementOf(digest)) }
    : { form: 'simplesigning', ...signSimply(by.signer, { digest, reference }) }
}

function statementOf(digest: Digest): Statement {
  return { subjects: [digest], predicateType: SIGN_PREDICATE, predicate: {} }
}

function describe(
  { by, form }: SignRequest,
  { ref, digest, signature }: Pick<SignResult, 'ref' | 'digest'> & { readonly signature?: MadeSignature },
): SignResult {
  return {
    ref,
    digest,
    form,
    keyId: by.kind === 'key' ? by.signer.publicKey.id : undefined,
    identity: signature && claimOf(signature).identity,
    signed: signature !== undefined,
  }
}
