import { type AnyDigest, isAnyDigest, isBallastError } from '../../core/index.ts'
import { CONTENT_DIGEST, formatReceived, formatRoute, parseChunkRange } from '../protocol/index.ts'
import { type Answer, refusal } from './answer.ts'
import type { AskedOfRepository } from './asked.ts'
import type { RegistryStorage } from './storage.ts'

/** `POST /v2/<name>/blobs/uploads/`: opens an upload, mounts a blob, or takes one whole (distribution-spec, "Pushing blobs"). */
export async function answerUploads(asked: AskedOfRepository): Promise<Answer> {
  const { method, query, storage } = asked
  if (method !== 'POST') return refusal('UNSUPPORTED', `${method} is not for uploads as a whole`)
  const mount = query.get('mount') ?? ''
  if (isAnyDigest(mount) && (await isThere(storage, mount))) return created(asked, mount)
  const digest = query.get('digest')
  if (digest !== null && !isAnyDigest(digest)) return wrongDigest(digest)
  try {
    const id = await storage.uploads.create()
    return digest === null ? accepted(asked, { id, size: 0 }) : await receiveWhole(asked, id, digest)
  } catch (error) {
    return explained(error)
  }
}

async function receiveWhole(asked: AskedOfRepository, id: string, digest: AnyDigest): Promise<Answer> {
  try {
    return await receive(asked, id, digest)
  } finally {
    // The client is never told the id, so nobody could go on with what has broken off.
    await asked.storage.uploads.cancel(id)
  }
}

/** `PATCH`, `PUT`, `GET`, `DELETE /v2/<name>/blobs/uploads/<id>`. */
export async function answerUpload(asked: AskedOfRepository, id: string): Promise<Answer> {
  const { method, query, storage } = asked
  const size = await storage.uploads.size(id)
  if (size === undefined) return unknownUpload()
  if (method === 'GET') return { ...accepted(asked, { id, size }), status: 204 }
  if (method === 'DELETE') return (await storage.uploads.cancel(id)) ? { status: 204 } : unknownUpload()
  if (method !== 'PATCH' && method !== 'PUT') return refusal('UNSUPPORTED', `${method} is not for an upload`)

  const refused = checkChunk(asked, { id, size })
  if (refused !== undefined) return refused
  if (method === 'PATCH') return append(asked, id)
  const digest = query.get('digest') ?? ''
  return isAnyDigest(digest) ? receive(asked, id, digest) : wrongDigest(digest)
}

async function isThere(storage: RegistryStorage, digest: AnyDigest): Promise<boolean> {
  const canonical = await storage.canonical(digest)
  return canonical !== undefined && (await storage.sizes([canonical])).has(canonical)
}

interface Progressed {
  readonly id: string
  readonly size: number
}

/** Undefined for a chunk that continues the upload where it ends. */
function checkChunk(asked: AskedOfRepository, upload: Progressed): Answer | undefined {
  const header = asked.header('content-range')
  if (header === undefined) return undefined
  const range = parseChunkRange(header)
  if (range?.offset !== upload.size) {
    const { headers } = accepted(asked, upload)
    return refusal('RANGE_INVALID', `the upload goes on at byte ${upload.size}`, {
      ...(headers && { headers }),
    })
  }
  const length = asked.header('content-length')
  if (length === undefined || Number(length) === range.length) return undefined
  return refusal('SIZE_INVALID', 'Content-Range and Content-Length differ')
}

async function append(asked: AskedOfRepository, id: string): Promise<Answer> {
  try {
    return accepted(asked, { id, size: await asked.storage.uploads.append(id, asked.body) })
  } catch (error) {
    await giveUpRefused(asked, id, error)
    return explained(error)
  }
}

/** Its bytes are of no use to anybody. */
async function giveUpRefused({ storage }: AskedOfRepository, id: string, error: unknown): Promise<void> {
  if (isBallastError(error, 'REFUSED')) await storage.uploads.cancel(id)
}

/** The rest of an upload, which may be nothing, and its end. */
async function receive(asked: AskedOfRepository, id: string, digest: AnyDigest): Promise<Answer> {
  try {
    await asked.storage.uploads.append(id, asked.body)
    await asked.storage.uploads.commit(id, digest)
    return created(asked, digest)
  } catch (error) {
    await giveUpRefused(asked, id, error)
    return explained(error)
  }
}

function explained(error: unknown): Answer {
  if (isBallastError(error, 'NOT_FOUND') || isBallastError(error, 'INTERRUPTED')) return unknownUpload()
  if (isBallastError(error, 'CONFLICT'))
    return refusal('RANGE_INVALID', 'another request adds to this upload')
  if (isBallastError(error, 'REFUSED')) return refusal('SIZE_INVALID', error.message, { status: 413 })
  if (isBallastError(error, 'LOCKED'))
    return refusal('TOOMANYREQUESTS', error.message, { headers: { 'retry-after': '5' } })
  if (isBallastError(error, 'DAMAGED')) return refusal('DIGEST_INVALID', 'the bytes have another digest')
  throw error
}

/** The location is relative, so that it is right behind any proxy. */
function accepted({ name }: AskedOfRepository, { id, size }: Progressed): Answer {
  const location = formatRoute({ kind: 'upload', name, id })
  return { status: 202, headers: { location, range: formatReceived(size), 'docker-upload-uuid': id } }
}

function created({ name }: AskedOfRepository, digest: AnyDigest): Answer {
  const location = formatRoute({ kind: 'blob', name, digest })
  return { status: 201, headers: { location, [CONTENT_DIGEST]: digest } }
}

function unknownUpload(): Answer {
  return refusal('BLOB_UPLOAD_UNKNOWN', 'there is no such upload: it ended, or nobody went on with it')
}

function wrongDigest(digest: string): Answer {
  return refusal('DIGEST_INVALID', 'a sha256 or sha512 digest is needed', { detail: { digest } })
}
