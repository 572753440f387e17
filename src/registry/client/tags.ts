import type { CallOptions } from '../../core/index.ts'
import { readDocument } from '../../http/index.ts'
import { parseJson } from '../../model/index.ts'
import { LARGEST_LISTING, pullScope } from '../protocol/index.ts'
import { ask, type Connection, urlOf } from './connection.ts'
import { nextPage, unusable } from './pages.ts'

/** A registry that goes on for longer has no end. */
const MOST_TAGS = 1_000_000
const MOST_PAGES = 10_000
/** One after the other. Some registries leave out of a page what the user may not see. */
const MOST_EMPTY_PAGES = 10

/** All tags, sorted by code units; none when the repository does not exist. */
export async function listTags(
  connection: Connection,
  name: string,
  { signal }: CallOptions = {},
): Promise<readonly string[]> {
  const tags = new Set<string>()
  const what = `the tags of ${name}`
  let url: URL | undefined = urlOf(connection, { kind: 'tags', name })
  for (let page = 0, empty = 0; url !== undefined; page++) {
    const response = await ask(
      connection,
      { method: 'GET', url, scopes: [pullScope(name)], signal },
      { statuses: [200, 404], what },
    )
    if (response.status === 404) {
      await response.discard()
      break
    }
    const listing = parseJson(await readDocument(response, { limit: LARGEST_LISTING, what }))
    if (listing === undefined) throw unusable(connection, `something else than ${what}`)
    const known = tags.size
    const { tags: found } = listing
    if (Array.isArray(found)) for (const tag of found) if (isTag(tag)) tags.add(tag)
    url = nextPage(connection, { link: response.header('link'), base: response.url, what })
    empty = tags.size === known ? empty + 1 : 0
    const endless = tags.size > MOST_TAGS || page >= MOST_PAGES || empty >= MOST_EMPTY_PAGES
    if (url !== undefined && endless) {
      throw unusable(connection, `${what} without end`)
    }
  }
  return [...tags].sort()
}

/** As the distribution-spec has them; others cannot be asked for, and should not reach a terminal. */
function isTag(tag: unknown): tag is string {
  return typeof tag === 'string' && /^\w[\w.-]{0,127}$/.test(tag)
}
