import type { CallOptions } from '../core/index.ts'
import { type RetryDelays, retriedContent } from '../http/index.ts'
import type { Ingested, Session, Store } from '../store/index.ts'
import type { FetchRequest } from './fetch-blob.ts'
import type { Lanes } from './lanes.ts'
import { knownChecksum, knownDigest, withChecksum } from './verify.ts'

export interface TransferOptions extends CallOptions {
  readonly lanes: Lanes
  readonly retryDelays: RetryDelays
}

/** In one piece, straight into the store: for what is small, and for what can only be read from its beginning. */
export function fetchWhole(
  { store, session }: { readonly store: Store; readonly session: Session },
  request: FetchRequest,
  { lanes, retryDelays, signal, onProgress }: TransferOptions,
): Promise<Ingested> {
  const { item, content } = request
  const onTrouble = (): void => lanes.troubled()
  return lanes.use(async () => {
    onProgress?.({ kind: 'start', step: 'download', item, total: content.size })
    const chunks = watched(
      retriedContent(content, { delays: retryDelays, onTrouble }).open(undefined, signal),
    )
    const checksum = knownChecksum(request)
    const checked = checksum === undefined ? chunks : withChecksum(chunks, { item, checksum })
    const digest = knownDigest(request)
    const expected = { size: content.size, ...(digest && { digest }) }
    return store.blobs.ingest(session, checked, { item, expected, signal })
  }, signal)

  async function* watched(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    for await (const chunk of chunks) {
      lanes.moved(chunk.length)
      onProgress?.({ kind: 'bytes', step: 'download', item, count: chunk.length })
      yield chunk
    }
  }
}
