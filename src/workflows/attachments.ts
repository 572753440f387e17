import { bytesContent, type Digest, isBallastError } from '../core/index.ts'
import {
  type AttachedDocument,
  attachedBy,
  EMPTY_CONFIG,
  encodeAttachment,
  type RepositoryName,
} from '../model/index.ts'
import type { Referrer, Session, Store } from '../store/index.ts'

export interface Attachment extends AttachedDocument {
  readonly name: RepositoryName
  /** The version's manifest. */
  readonly subject: Digest
}

/**
 * Attaches a document to a version's manifest, which must be stored and leased by the session: the store then keeps it for
 * as long as the version. The same again is nothing new. Undefined where the manifest is not there.
 */
export async function attach(
  store: Store,
  session: Session,
  { name, subject, ...document }: Attachment,
): Promise<Digest | undefined> {
  const stored = await store.blobs.stat(subject)
  if (stored === undefined) return undefined
  const { type, data } = document
  for (const bytes of [EMPTY_CONFIG, data]) await ingest(store, session, { bytes, type })
  const manifest = encodeAttachment({ digest: stored.digest, size: stored.size }, document)
  const digest = await ingest(store, session, { bytes: manifest, type })
  await store.records.addUntagged(session, name, digest)
  return digest
}

export interface ReadOptions {
  /** Of the model, where they have been listed already. */
  readonly referrers?: readonly Referrer[] | undefined
  /** Called where a document of a version is left out. */
  readonly onLeftOut?: ((version: Digest) => void) | undefined
}

/** The documents of a type that are attached to a model's versions, in no order. What is too large or cannot be read is left out. */
export async function readAttachments(
  store: Store,
  { name, type, largest }: { readonly name: RepositoryName; readonly type: string; readonly largest: number },
  options: ReadOptions = {},
): Promise<(version: Digest) => Promise<readonly Buffer[]>> {
  const all = options.referrers ?? (await store.listReferrers(name))
  const referrers = all.filter((referrer) => referrer.type === type)
  let bySubject: Map<Digest, Referrer[]> | undefined
  return async (version) => {
    bySubject ??= Map.groupBy(referrers, ({ subject }) => subject)
    const attached = bySubject.get(version) ?? []
    const found = await Promise.all(attached.map(({ digest }) => readOne(store, { digest, type, largest })))
    if (found.includes(undefined)) options.onLeftOut?.(version)
    return found.filter((data) => data !== undefined)
  }
}

async function readOne(
  store: Store,
  { digest, type, largest }: { readonly digest: Digest; readonly type: string; readonly largest: number },
): Promise<Buffer | undefined> {
  try {
    const layer = attachedBy(await store.readManifest(digest), type)
    if (layer === undefined || layer.size > largest) return undefined
    const stored = await store.blobs.stat(layer.digest)
    return stored?.size === layer.size ? await store.readManifest(layer.digest) : undefined
  } catch (error) {
    if (isBallastError(error, 'NOT_FOUND') || isBallastError(error, 'DAMAGED')) return undefined
    throw error
  }
}

async function ingest(
  store: Store,
  session: Session,
  { bytes, type }: { readonly bytes: Uint8Array; readonly type: string },
): Promise<Digest> {
  return (await store.blobs.ingest(session, bytesContent(bytes).open(), { item: type })).digest
}
