import { isAnyDigest } from '../../core/index.ts'
import { OCI_INDEX, OCI_MANIFEST, parseJson } from '../../model/index.ts'
import type { StoredManifest } from '../../oci/index.ts'
import { formatRoute, OCI_FILTERS_APPLIED } from '../protocol/index.ts'
import { type Answer, json, refusal } from './answer.ts'
import type { AskedOfRepository } from './asked.ts'
import { subjectOf } from './manifest-kind.ts'

/** `GET /v2/<name>/tags/list?n=&last=` (distribution-spec, "Listing Tags"). */
export async function answerTags({ method, name, query, storage }: AskedOfRepository): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD') return refusal('UNSUPPORTED', `${method} is not for tags`)
  const all = await storage.listTags(name)
  if (all === undefined) return refusal('NAME_UNKNOWN', 'there is no such repository', { detail: { name } })
  const last = query.get('last')
  const rest = last === null ? all : all.filter((tag) => tag > last)
  const limit = /^\d+$/.test(query.get('n') ?? '') ? Number(query.get('n')) : rest.length
  const tags = rest.slice(0, limit)
  const end = tags.at(-1)
  if (end === undefined || tags.length === rest.length) return json({ name, tags })
  const next = `${formatRoute({ kind: 'tags', name })}?n=${limit}&last=${encodeURIComponent(end)}`
  return json({ name, tags }, { link: `<${next}>; rel="next"` })
}

/** `GET /v2/<name>/referrers/<digest>?artifactType=` (distribution-spec, "Listing Referrers"): never 404. */
export async function answerReferrers(asked: AskedOfRepository, subject: string): Promise<Answer> {
  const { method, name, query, storage } = asked
  if (method !== 'GET' && method !== 'HEAD') return refusal('UNSUPPORTED', `${method} is not for referrers`)
  if (!isAnyDigest(subject)) return refusal('DIGEST_INVALID', 'a sha256 or sha512 digest is needed')
  const wanted = query.get('artifactType')
  const manifests: Referrer[] = []
  for (const digest of await storage.listManifests(name)) {
    const manifest = await storage.getManifest(digest)
    const referrer = manifest && referrerOf(manifest, subject)
    if (referrer && (wanted === null || referrer.artifactType === wanted)) manifests.push(referrer)
  }
  manifests.sort((a, b) => (a.digest < b.digest ? -1 : 1))
  return json(
    { schemaVersion: 2, mediaType: OCI_INDEX, manifests },
    { 'content-type': OCI_INDEX, ...(wanted !== null && { [OCI_FILTERS_APPLIED]: 'artifactType' }) },
  )
}

interface Referrer {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly artifactType?: string
  readonly annotations?: unknown
}

/** Undefined for a manifest that is not about the subject. */
function referrerOf({ bytes, digest, mediaType }: StoredManifest, subject: string): Referrer | undefined {
  const parsed = parseJson(bytes)
  if (parsed === undefined || subjectOf(parsed) !== subject) return undefined
  const { config } = parsed as { config?: { mediaType?: unknown } }
  const artifactType = parsed.artifactType ?? (mediaType === OCI_MANIFEST ? config?.mediaType : undefined)
  return {
    mediaType,
    digest,
    size: bytes.length,
    ...(typeof artifactType === 'string' && { artifactType }),
    ...(parsed.annotations !== undefined && { annotations: parsed.annotations }),
  }
}
