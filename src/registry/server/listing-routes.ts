import { isAnyDigest } from '../../core/index.ts'
import { OCI_INDEX } from '../../model/index.ts'
import { formatRoute, LARGEST_MANIFEST, OCI_FILTERS_APPLIED, type Route } from '../protocol/index.ts'
import { type Answer, json, refusal } from './answer.ts'
import type { Asked, AskedOfRepository } from './asked.ts'
import { type Referrer, referrersOf } from './referrers.ts'

/** `GET /v2/_catalog?n=&last=`: the repositories, as the Docker registry lists them. */
export async function answerCatalog({ method, query, storage }: Asked): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD') return refusal('UNSUPPORTED', `${method} is not for the catalog`)
  const { items, headers } = pageOf(await storage.listRepositories(), { query, route: { kind: 'catalog' } })
  return json({ repositories: items }, headers)
}

/** `GET /v2/<name>/tags/list?n=&last=` (distribution-spec, "Listing Tags"). */
export async function answerTags({ method, name, query, storage }: AskedOfRepository): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD') return refusal('UNSUPPORTED', `${method} is not for tags`)
  const all = await storage.listTags(name)
  if (all === undefined) return refusal('NAME_UNKNOWN', 'there is no such repository', { detail: { name } })
  const { items, headers } = pageOf(all, { query, route: { kind: 'tags', name } })
  return json({ name, tags: items }, headers)
}

interface Paged {
  readonly query: URLSearchParams
  readonly route: Route
}

/** What follows `last`, at most `n`, and where the rest is. */
function pageOf(
  sorted: readonly string[],
  { query, route }: Paged,
): { readonly items: readonly string[]; readonly headers: Readonly<Record<string, string>> } {
  const last = query.get('last')
  const rest = last === null ? sorted : sorted.filter((item) => item > last)
  const limit = /^\d+$/.test(query.get('n') ?? '') ? Number(query.get('n')) : rest.length
  const items = rest.slice(0, limit)
  const end = items.at(-1)
  if (end === undefined || items.length === rest.length) return { items, headers: {} }
  return { items, headers: linkTo(route, { n: `${limit}`, last: end }) }
}

function linkTo(route: Route, query: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return { link: `<${formatRoute(route)}?${new URLSearchParams(query)}>; rel="next"` }
}

/** `GET /v2/<name>/referrers/<digest>?artifactType=` (distribution-spec, "Listing Referrers"): never 404. */
export async function answerReferrers(asked: AskedOfRepository, subject: string): Promise<Answer> {
  const { method, name, query } = asked
  if (method !== 'GET' && method !== 'HEAD') return refusal('UNSUPPORTED', `${method} is not for referrers`)
  if (!isAnyDigest(subject)) return refusal('DIGEST_INVALID', 'a sha256 or sha512 digest is needed')
  const wanted = query.get('artifactType')
  const last = query.get('last') ?? ''
  const all = await referrersOf(asked, subject)
  const rest = all
    .filter(({ digest, artifactType }) => digest > last && (wanted === null || artifactType === wanted))
    .sort((a, b) => (a.digest < b.digest ? -1 : 1))
  const manifests = upToSize(rest)
  const end = manifests.at(-1)
  const link =
    end === undefined || manifests.length === rest.length
      ? {}
      : linkTo(
          { kind: 'referrers', name, digest: subject },
          { ...(wanted !== null && { artifactType: wanted }), last: end.digest },
        )
  return json(
    { schemaVersion: 2, mediaType: OCI_INDEX, manifests },
    {
      'content-type': OCI_INDEX,
      ...(wanted !== null && { [OCI_FILTERS_APPLIED]: 'artifactType' }),
      ...link,
    },
  )
}

/** As many as a client takes in one manifest. */
function upToSize(referrers: readonly Referrer[]): readonly Referrer[] {
  let room = LARGEST_MANIFEST - 1024
  const end = referrers.findIndex((referrer) => {
    room -= JSON.stringify(referrer).length + 1
    return room < 0
  })
  return end < 0 ? referrers : referrers.slice(0, Math.max(1, end))
}
