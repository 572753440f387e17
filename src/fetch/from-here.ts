import { type CallOptions, cloneFile, fileContent, isBallastError, systemCode } from '../core/index.ts'
import type { Ingested, IngestOptions, Session, Store } from '../store/index.ts'
import type { FetchRequest } from './fetch-blob.ts'
import { knownChecksum, knownDigest, withChecksum } from './verify.ts'

/**
 * From a file of this machine, by a reflink where the file system has them. Undefined where there is none, where it cannot
 * be read, or where nothing that is known of the content shows that it is the same.
 */
export async function takeFromHere(
  { store, session }: { readonly store: Store; readonly session: Session },
  request: FetchRequest,
  { signal, onProgress }: CallOptions,
): Promise<Ingested | undefined> {
  const { item, content, local } = request
  if (local === undefined) return undefined
  const { size } = content
  const digest = knownDigest(request)
  const checksum = knownChecksum(request)
  if (digest === undefined && checksum === undefined) return undefined
  const options: IngestOptions = {
    item,
    expected: { size, ...(digest && { digest }) },
    signal,
    onProgress: (event) => onProgress?.({ ...event, step: 'add' }),
  }
  onProgress?.({ kind: 'start', step: 'add', item, total: size })
  try {
    // A reflink is read for its digest alone.
    const cloned =
      digest && (await store.blobs.ingestPlaced(session, (path) => cloneFile(local, path), options))
    if (cloned !== undefined) return cloned
    const chunks = fileContent(local, size).open()
    return await store.blobs.ingest(
      session,
      checksum === undefined ? chunks : withChecksum(chunks, { item, checksum }),
      options,
    )
  } catch (error) {
    onProgress?.({ kind: 'skip', step: 'add', item, because: 'differs' })
    if (isBallastError(error, 'DAMAGED') || isBallastError(error, 'REFUSED')) return undefined
    if (systemCode(error) === undefined || systemCode(error) === 'ENOSPC') throw error
    return undefined
  }
}
