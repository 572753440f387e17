import { type CallOptions, type Digest, isDigest } from '../../core/index.ts'
import { readDocument } from '../../http/index.ts'
import { type Descriptor, objectOf, parseJson } from '../../model/index.ts'
import type { Referrers } from '../../oci/index.ts'
import { LARGEST_LISTING, pullScope } from '../protocol/index.ts'
import { ask, type Connection, urlOf } from './connection.ts'
import { putManifest } from './manifests.ts'
import { nextPage, unusable } from './pages.ts'

const MOST_PAGES = 100

/**
 * What is attached to manifests, by the registry's own API (distribution-spec, "Listing Referrers"), and through `tagged`
 * where it has none: that is told by a 404 when it is asked, and by a missing `OCI-Subject` when a manifest is put.
 */
export function registryReferrers(
  connection: Connection,
  { name, tagged }: { readonly name: string; readonly tagged: Referrers },
): Referrers {
  return {
    async list(subject, options) {
      return (await listReferrers(connection, { name, subject }, options)) ?? tagged.list(subject, options)
    },
    async put(manifest, options) {
      const known = await putManifest(connection, { name, manifest, tag: undefined }, options)
      if (known === undefined) await tagged.put(manifest, options)
    },
  }
}

/** Undefined where the registry has no such API. */
async function listReferrers(
  connection: Connection,
  { name, subject }: { readonly name: string; readonly subject: Digest },
  { signal }: CallOptions = {},
): Promise<readonly Descriptor[] | undefined> {
  const found: Descriptor[] = []
  const what = `what is attached to ${subject}`
  let url: URL | undefined = urlOf(connection, { kind: 'referrers', name, digest: subject })
  for (let page = 0; url !== undefined; page++) {
    const request = { method: 'GET', url, scopes: [pullScope(name)], signal } as const
    const response = await ask(connection, request, { statuses: NO_API.concat(200), what })
    if (response.status !== 200) {
      await response.discard()
      return undefined
    }
    const index = parseJson(await readDocument(response, { limit: LARGEST_LISTING, what }))
    // Servers that know no such path may answer it with a page for people.
    if (!Array.isArray(index?.manifests)) return undefined
    found.push(...index.manifests.filter(isDescriptor))
    url = nextPage(connection, { link: response.header('link'), base: response.url, what })
    if (url !== undefined && page >= MOST_PAGES) throw unusable(connection, `${what} without end`)
  }
  return found
}

/** What registries without the API answer to it. */
const NO_API: readonly number[] = [400, 404, 405, 501]

function isDescriptor(value: unknown): value is Descriptor {
  const { digest, size } = objectOf(value)
  return typeof digest === 'string' && isDigest(digest) && typeof size === 'number'
}
