import { type Digest, digestOf, isBallastError, isDigest } from '../../core/index.ts'
import { childrenOf, type Descriptor, parseTag, type Tag } from '../../model/index.ts'
import { CONTENT_DIGEST, formatRoute, LARGEST_MANIFEST, OCI_SUBJECT } from '../protocol/index.ts'
import { type Answer, refusal } from './answer.ts'
import type { AskedOfRepository } from './asked.ts'
import { describeManifest } from './manifest-kind.ts'
import type { ManifestReference } from './storage.ts'

/** `/v2/<name>/manifests/<reference>` (distribution-spec, "Pulling manifests", "Pushing Manifests", "Deleting tags"). */
export async function answerManifest(asked: AskedOfRepository, text: string): Promise<Answer> {
  const { method } = asked
  const reference = parseManifestReference(text)
  if (method === 'PUT') return put(asked, reference, text)
  if (reference === undefined) return unknownManifest(text)
  if (method === 'GET' || method === 'HEAD') return get(asked, reference, text)
  if (method === 'DELETE') return remove(asked, reference, text)
  return refusal('UNSUPPORTED', `${method} is not for manifests`)
}

async function get(asked: AskedOfRepository, reference: ManifestReference, text: string): Promise<Answer> {
  const { name, storage } = asked
  const digest = await storage.resolve(name, reference)
  const manifest = digest === undefined ? undefined : await storage.getManifest(digest)
  if (manifest === undefined) return unknownManifest(text)
  const headers = {
    'content-type': manifest.mediaType,
    etag: `"${manifest.digest}"`,
    [CONTENT_DIGEST]: manifest.digest,
  }
  return { status: 200, headers, body: manifest.bytes }
}

async function put(
  asked: AskedOfRepository,
  reference: ManifestReference | undefined,
  text: string,
): Promise<Answer> {
  if (reference === undefined) {
    return text.includes(':')
      ? refusal('DIGEST_INVALID', 'a sha256 digest is needed', { detail: { digest: text } })
      : refusal('TAG_INVALID', 'a tag has at most 128 letters, digits and . _ -')
  }
  const { name, storage } = asked
  const bytes = await readBody(asked)
  if (bytes === undefined) {
    return refusal('SIZE_INVALID', `a manifest has at most ${LARGEST_MANIFEST} bytes`, { status: 413 })
  }
  const digest = digestOf(bytes)
  if ('digest' in reference && reference.digest !== digest) {
    return refusal('DIGEST_INVALID', `the manifest's digest is ${digest}`, { detail: { digest } })
  }
  const kind = describeManifest(bytes, asked.header('content-type'))
  if ('problem' in kind) return refusal('MANIFEST_INVALID', kind.problem)
  try {
    const children = childrenOf(bytes).filter(isDistributed)
    const sizes = await storage.sizes(children.map(digestIn))
    const missing = children.filter(({ digest }) => !sizes.has(digest))
    const [first] = missing
    if (first !== undefined) {
      const detail = missing.map(({ digest }) => ({ digest }))
      return refusal('MANIFEST_BLOB_UNKNOWN', `blob ${first.digest} is not here`, { detail })
    }
    const wrong = children.find(({ digest, size }) => sizes.get(digest) !== size)
    if (wrong !== undefined) {
      const { digest, size } = wrong
      const detail = { digest }
      return refusal('MANIFEST_INVALID', `${digest} has ${sizes.get(digest)} bytes, not ${size}`, { detail })
    }
    const tag = 'tag' in reference ? reference.tag : undefined
    await storage.putManifest(name, { mediaType: kind.mediaType, digest, bytes }, tag)
  } catch (error) {
    if (isBallastError(error, 'DAMAGED')) return refusal('MANIFEST_INVALID', error.message)
    if (isBallastError(error, 'CONFLICT')) return refusal('DENIED', error.message, { status: 409 })
    throw error
  }
  return {
    status: 201,
    headers: {
      location: formatRoute({ kind: 'manifest', name, reference: text }),
      [CONTENT_DIGEST]: digest,
      ...(kind.subject !== undefined && { [OCI_SUBJECT]: kind.subject }),
    },
  }
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

/** Undefined when there is more than a manifest may have. */
async function readBody(asked: AskedOfRepository): Promise<Buffer | undefined> {
  if (Number(asked.header('content-length') ?? 0) > LARGEST_MANIFEST) return undefined
  const parts: Uint8Array[] = []
  let size = 0
  for await (const chunk of asked.body) {
    size += chunk.length
    if (size > LARGEST_MANIFEST) return undefined
    parts.push(chunk)
  }
  return Buffer.concat(parts)
}

/** Undefined for what is neither a tag nor a sha256 digest. */
function parseManifestReference(text: string): ManifestReference | undefined {
  if (isDigest(text)) return { digest: text }
  const tag = tagOrUndefined(text)
  return tag === undefined ? undefined : { tag }
}

function tagOrUndefined(text: string): Tag | undefined {
  try {
    return parseTag(text)
  } catch {
    return undefined
  }
}

/** Some layers stand elsewhere, by license (image-spec, layer.md, "Non-Distributable Layers"). */
function isDistributed({ mediaType }: Descriptor): boolean {
  return !/nondistributable|\.foreign\./.test(mediaType ?? '')
}

function digestIn(descriptor: Descriptor): Digest {
  return descriptor.digest
}

function unknownManifest(reference: string): Answer {
  return refusal('MANIFEST_UNKNOWN', 'there is no such manifest', { detail: { reference } })
}
