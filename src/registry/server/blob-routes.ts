import { type Digest, isAnyDigest, isBallastError, lent } from '../../core/index.ts'
import { formatContentRange, formatUnsatisfied, parseRange } from '../../http/index.ts'
import { CONTENT_DIGEST } from '../protocol/index.ts'
import { type Answer, refusal } from './answer.ts'
import type { AskedOfRepository } from './asked.ts'
import type { RegistryStorage } from './storage.ts'

/** `/v2/<name>/blobs/<digest>` (distribution-spec, "Pulling blobs", "Deleting Blobs"). */
export async function answerBlob(asked: AskedOfRepository, text: string): Promise<Answer> {
  const { method, storage } = asked
  if (method !== 'GET' && method !== 'HEAD' && method !== 'DELETE')
    return refusal('UNSUPPORTED', `${method} is not for blobs`)
  const unknown = refusal('BLOB_UNKNOWN', 'there is no such blob', { detail: { digest: text } })
  const digest = isAnyDigest(text) ? await storage.canonical(text) : undefined
  if (digest === undefined) return unknown
  if (method === 'DELETE') return (await remove(storage, digest)) ?? unknown
  // Who asks by HEAD means to push a manifest that refers to the blob, so it has to stay until then.
  const content = await storage.openBlob(digest, { keep: method === 'HEAD' })
  if (content === undefined) return unknown
  const headers = {
    'content-type': 'application/octet-stream',
    'accept-ranges': 'bytes',
    'cache-control': 'max-age=31536000',
    etag: `"${text}"`,
    [CONTENT_DIGEST]: text,
  }
  const range = method === 'GET' ? parseRange(asked.header('range'), content.size) : 'whole'
  if (range === 'unsatisfiable') {
    const unsatisfied = { 'content-range': formatUnsatisfied(content.size) }
    return refusal('RANGE_INVALID', 'the blob has no such range', { headers: unsatisfied })
  }
  if (range === 'whole') {
    return { status: 200, headers, body: { length: content.size, open: () => lent(content) } }
  }
  return {
    status: 206,
    headers: { ...headers, 'content-range': formatContentRange(range, content.size) },
    body: { length: range.length, open: () => lent(content, range) },
  }
}

/** Undefined where there is none. Blobs belong to all repositories, so that one in use anywhere stays. */
async function remove(storage: RegistryStorage, digest: Digest): Promise<Answer | undefined> {
  try {
    return (await storage.deleteBlob(digest)) ? { status: 202 } : undefined
  } catch (error) {
    if (isBallastError(error, 'CONFLICT')) return refusal('DENIED', error.message, { status: 409 })
    throw error
  }
}
