import { BallastError, type CallOptions, type Digest, isBallastError } from '../core/index.ts'
import {
  type AttachedDocument,
  childrenOf,
  type Descriptor,
  parseJson,
  parseTag,
  type RepositoryName,
  subjectOfManifest,
} from '../model/index.ts'
import type { Session, Store } from '../store/index.ts'
import {
  type AttachedSignature,
  BUNDLE_CONTENT,
  BUNDLE_PREDICATE,
  isBundleType,
  LARGEST_BUNDLE,
  predicateTypeOf,
  SIGSTORE_BUNDLE,
  SIMPLE_SIGNING,
  signaturesTag,
} from '../trust/index.ts'
import { attach } from './attachments.ts'

/** Of a manifest that attaches signatures in cosign's older form (its OCI 1.1 mode). */
export const COSIGN_SIGNATURE = 'application/vnd.dev.cosign.artifact.sig.v1+json'

/** More of one manifest are nobody's, and each of them costs a verification. The rest is not looked at. */
const MOST_SIGNATURES = 200
const MOST_MANIFESTS = 1000
/** In bytes, of all of them: who attaches large ones is not to fill the memory of who looks. */
const LARGEST_TOTAL = 32 * 1024 * 1024

/** Where signatures and signed statements about manifests are found. */
export interface SignatureSource {
  /** The manifests that may attach some to the subject, and that under the tag of its signatures. */
  readonly list: (subject: Digest, options?: CallOptions) => Promise<readonly Digest[]>
  /** Throws NOT_FOUND, and DAMAGED for other bytes. */
  readonly manifest: (digest: Digest, options?: CallOptions) => Promise<Uint8Array>
  /** The same of a layer. */
  readonly read: (blob: Descriptor, options?: CallOptions) => Promise<Buffer>
}

/** Of a model in the store: what is attached, and what `cosign` has pushed to its registry. */
export function storedSignatures(store: Store, name: RepositoryName): SignatureSource {
  return {
    async list(subject) {
      const attached = (await store.listReferrers(name)).filter(
        (referrer) => referrer.subject === subject && maySign(referrer.type),
      )
      const tagged = await store.records.resolve({ name, tag: parseTag(signaturesTag(subject)) })
      return [...attached.map(({ digest }) => digest), ...(tagged === undefined ? [] : [tagged])]
    },
    manifest: (digest) => store.readManifest(digest),
    async read({ digest, size }) {
      const stored = await store.blobs.stat(digest)
      if (stored !== undefined && stored.size !== size)
        throw new BallastError('DAMAGED', `${digest} has another size than its manifest says`)
      return store.readManifest(digest)
    },
  }
}

/** All that is signed about a subject, statements of every kind included, each once. */
export async function readSigned(
  source: SignatureSource,
  subject: Digest,
  options: CallOptions = {},
): Promise<readonly AttachedSignature[]> {
  const found = new Map<string, AttachedSignature>()
  let total = 0
  for (const digest of (await source.list(subject, options)).slice(0, MOST_MANIFESTS)) {
    const manifest = await orUnreadable(() => source.manifest(digest, options))
    const layers = 'form' in manifest ? [] : signedLayersOf(manifest, subject)
    if ('form' in manifest) found.set(digest, manifest)
    for (const layer of layers) {
      total += layer.size
      if (total > LARGEST_TOTAL) return [...found.values()]
      const bytes = await orUnreadable(() => source.read(layer, options))
      found.set(`${layer.digest} ${JSON.stringify(layer.annotations)}`, signatureIn(layer, bytes))
    }
    if (found.size >= MOST_SIGNATURES) break
  }
  return [...found.values()].slice(0, MOST_SIGNATURES)
}

function signatureIn(
  { mediaType, annotations = {} }: Descriptor,
  bytes: Buffer | Unreadable,
): AttachedSignature {
  if ('form' in bytes) return bytes
  return isBundleType(mediaType)
    ? { form: 'bundle', bytes }
    : { form: 'simplesigning', payload: bytes, annotations }
}

/** What is attached to another subject is none of this one's, whoever lists it. */
function signedLayersOf(manifest: Uint8Array, subject: Digest): readonly Descriptor[] {
  const about = subjectOfManifest(manifest)
  if (about !== undefined && about !== subject) return []
  return layersOf(manifest).filter(
    ({ mediaType, size }) =>
      size <= LARGEST_BUNDLE && (isBundleType(mediaType) || mediaType === SIMPLE_SIGNING),
  )
}

/** Of which the bytes are not there. */
type Unreadable = Extract<AttachedSignature, { readonly form: 'unreadable' }>

async function orUnreadable<T>(read: () => Promise<T>): Promise<T | Unreadable> {
  try {
    return await read()
  } catch (error) {
    if (!isBallastError(error, 'NOT_FOUND') && !isBallastError(error, 'DAMAGED')) throw error
    return { form: 'unreadable', why: `it cannot be read: ${error.message}` }
  }
}

/** How a signature or a signed statement is attached, as cosign does it. */
export function documentOf(signature: Exclude<AttachedSignature, Unreadable>): AttachedDocument {
  if (signature.form === 'simplesigning') {
    return {
      type: COSIGN_SIGNATURE,
      layerType: SIMPLE_SIGNING,
      data: signature.payload,
      layerAnnotations: signature.annotations,
    }
  }
  const predicateType = predicateTypeOf(signature.bytes)
  return {
    type: SIGSTORE_BUNDLE,
    data: signature.bytes,
    annotations: {
      [BUNDLE_CONTENT]: 'dsse-envelope',
      ...(predicateType !== undefined && { [BUNDLE_PREDICATE]: predicateType }),
    },
  }
}

/** Attaches it to a version of the store, whose manifest the session has leased. Undefined where that is not there. */
export function attachSigned(
  store: Store,
  session: Session,
  { name, subject, signature }: Signed & { readonly name: RepositoryName },
): Promise<Digest | undefined> {
  return attach(store, session, { name, subject, ...documentOf(signature) })
}

export interface Signed {
  readonly subject: Digest
  readonly signature: Exclude<AttachedSignature, Unreadable>
}

/** Of the type of a manifest that is attached. */
export function maySign(type: string): boolean {
  return isBundleType(type) || type === COSIGN_SIGNATURE
}

function layersOf(manifest: Uint8Array): readonly Descriptor[] {
  try {
    const layers = childrenOf(manifest)
    return parseJson(manifest)?.config === undefined ? layers : layers.slice(1)
  } catch (error) {
    if (isBallastError(error, 'DAMAGED')) return []
    throw error
  }
}
