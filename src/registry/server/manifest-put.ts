import {
  type AnyDigest,
  bytesContent,
  type Digest,
  digestOf,
  isAnyDigest,
  isBallastError,
  isSha512,
  sha512Of,
} from '../../core/index.ts'
import { isTag, type Tag } from '../../model/index.ts'
import { CONTENT_DIGEST, formatRoute, LARGEST_MANIFEST, OCI_SUBJECT, OCI_TAG } from '../protocol/index.ts'
import { type Answer, refusal } from './answer.ts'
import type { AskedOfRepository } from './asked.ts'
import { describeManifest, distributedFrom } from './manifest-kind.ts'

/** More than one request is likely to be meant to have, and few enough to be moved one after the other. */
const MOST_TAGS = 100

/** `PUT /v2/<name>/manifests/<reference>?tag=` (distribution-spec, "Pushing Manifests"). */
export async function putManifest(asked: AskedOfRepository, reference: string): Promise<Answer> {
  const { name, storage, query } = asked
  const named = isAnyDigest(reference) ? reference : undefined
  const tags = named === undefined ? [reference] : query.getAll('tag')
  if (reference.includes(':') && named === undefined) {
    return refusal('DIGEST_INVALID', 'a sha256 or sha512 digest is needed', { detail: { digest: reference } })
  }
  if (!areTags(tags)) return refusal('TAG_INVALID', 'a tag has at most 128 letters, digits and . _ -')
  if (tags.length > MOST_TAGS)
    return refusal('TAG_INVALID', `more than ${MOST_TAGS} tags at once`, { status: 414 })
  const bytes = await readBody(asked)
  if (bytes === undefined) {
    return refusal('SIZE_INVALID', `a manifest has at most ${LARGEST_MANIFEST} bytes`, { status: 413 })
  }
  const digest = digestOf(bytes)
  const found = named !== undefined && isSha512(named) ? await sha512Of(bytesContent(bytes).open()) : digest
  if (named !== undefined && named !== found) {
    return refusal('DIGEST_INVALID', `the manifest's digest is ${found}`, { detail: { digest: found } })
  }
  const kind = describeManifest(bytes, asked.header('content-type'))
  if ('problem' in kind) return refusal('MANIFEST_INVALID', kind.problem)
  try {
    const refused = await checkChildren(asked, bytes)
    if (refused !== undefined) return refused
    await storage.putManifest(name, { mediaType: kind.mediaType, digest, bytes }, { tags, named: found })
  } catch (error) {
    return explained(error)
  }
  return {
    status: 201,
    headers: {
      location: formatRoute({ kind: 'manifest', name, reference }),
      [CONTENT_DIGEST]: found,
      ...(kind.subject !== undefined && { [OCI_SUBJECT]: kind.subject }),
      ...(named !== undefined && tags.length > 0 && { [OCI_TAG]: tags.join(', ') }),
    },
  }
}

function areTags(tags: readonly string[]): tags is readonly Tag[] {
  return tags.every(isTag)
}

/** Undefined where everything that the manifest refers to is there, and of the size that it says. Throws DAMAGED. */
async function checkChildren(
  { storage }: AskedOfRepository,
  manifest: Uint8Array,
): Promise<Answer | undefined> {
  const children = distributedFrom(manifest)
  const canonical = new Map<AnyDigest, Digest>()
  for (const { digest } of children) {
    const known = await storage.canonical(digest)
    if (known !== undefined) canonical.set(digest, known)
  }
  const sizes = await storage.sizes([...canonical.values()])
  const sizeOf = (digest: AnyDigest): number | undefined => {
    const known = canonical.get(digest)
    return known && sizes.get(known)
  }
  const missing = children.filter(({ digest }) => sizeOf(digest) === undefined)
  const [first] = missing
  if (first !== undefined) {
    const detail = missing.map(({ digest }) => ({ digest }))
    return refusal('MANIFEST_BLOB_UNKNOWN', `blob ${first.digest} is not here`, { detail })
  }
  const wrong = children.find(({ digest, size }) => sizeOf(digest) !== size)
  if (wrong === undefined) return undefined
  const { digest, size } = wrong
  return refusal('MANIFEST_INVALID', `${digest} has ${sizeOf(digest)} bytes, not ${size}`, {
    detail: { digest },
  })
}

function explained(error: unknown): Answer {
  if (isBallastError(error, 'DAMAGED')) return refusal('MANIFEST_INVALID', error.message)
  if (isBallastError(error, 'NOT_FOUND')) return refusal('MANIFEST_BLOB_UNKNOWN', error.message)
  if (isBallastError(error, 'REFUSED')) return refusal('DENIED', error.message)
  if (isBallastError(error, 'CONFLICT')) return refusal('DENIED', error.message, { status: 409 })
  throw error
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
