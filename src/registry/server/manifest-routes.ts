import { isAnyDigest, isBallastError } from '../../core/index.ts'
import { isTag } from '../../model/index.ts'
import { CONTENT_DIGEST } from '../protocol/index.ts'
import { type Answer, refusal } from './answer.ts'
import type { AskedOfRepository } from './asked.ts'
import { putManifest } from './manifest-put.ts'
import type { ManifestReference, RegistryStorage } from './storage.ts'

/** `/v2/<name>/manifests/<reference>` (distribution-spec, "Pulling manifests", "Pushing Manifests", "Deleting tags"). */
export async function answerManifest(asked: AskedOfRepository, text: string): Promise<Answer> {
  const { method, storage } = asked
  if (method === 'PUT') return putManifest(asked, text)
  if (method !== 'GET' && method !== 'HEAD' && method !== 'DELETE')
    return refusal('UNSUPPORTED', `${method} is not for manifests`)
  const reference = await referenceOf(storage, text)
  if (reference === undefined) return unknownManifest(text)
  return method === 'DELETE' ? remove(asked, reference, text) : get(asked, reference, text)
}

async function get(asked: AskedOfRepository, reference: ManifestReference, text: string): Promise<Answer> {
  const { name, storage } = asked
  const digest = await storage.resolve(name, reference).catch(refusedOf)
  if (digest !== undefined && typeof digest !== 'string') return digest
  const manifest = digest === undefined ? undefined : await storage.getManifest(digest)
  if (manifest === undefined) return unknownManifest(text)
  const named = isAnyDigest(text) ? text : await storage.nameOf(manifest)
  const headers = { 'content-type': manifest.mediaType, etag: `"${named}"`, [CONTENT_DIGEST]: named }
  return { status: 200, headers, body: manifest.bytes }
}

/** A stage whose policy is not kept. */
function refusedOf(error: unknown): Answer {
  if (isBallastError(error, 'REFUSED') || isBallastError(error, 'USAGE'))
    return refusal('DENIED', error.message)
  throw error
}

async function remove(asked: AskedOfRepository, reference: ManifestReference, text: string): Promise<Answer> {
  try {
    const removed = await asked.storage.deleteManifest(asked.name, reference)
    return removed ? { status: 202 } : unknownManifest(text)
  } catch (error) {
    if (isBallastError(error, 'CONFLICT')) return refusal('DENIED', error.message)
    throw error
  }
}

/** Undefined for what is neither a tag nor a digest that names anything. */
async function referenceOf(storage: RegistryStorage, text: string): Promise<ManifestReference | undefined> {
  if (isTag(text)) return { tag: text }
  const digest = isAnyDigest(text) ? await storage.canonical(text) : undefined
  return digest && { digest }
}

function unknownManifest(reference: string): Answer {
  return refusal('MANIFEST_UNKNOWN', 'there is no such manifest', { detail: { reference } })
}
