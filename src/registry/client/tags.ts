import { BallastError, type CallOptions, readAll } from '../../core/index.ts'
import { parseJson } from '../../model/index.ts'
import { LARGEST_LISTING } from '../protocol/index.ts'
import { ask, type Connection, urlOf } from './connection.ts'

const MOST_PAGES = 10_000

/** All tags, sorted by code units; none when the repository does not exist. */
export async function listTags(
  connection: Connection,
  name: string,
  { signal }: CallOptions = {},
): Promise<readonly string[]> {
  const tags = new Set<string>()
  let url: URL | undefined = urlOf(connection, { kind: 'tags', name })
  for (let page = 0; url !== undefined; page++) {
    if (page === MOST_PAGES) throw malformed(connection, name)
    const response = await ask(
      connection,
      { method: 'GET', url, signal },
      { statuses: [200, 404], what: `the tags of ${name}` },
    )
    if (response.status === 404) {
      await response.discard()
      break
    }
    const listing = parseJson(await readAll(response.body, LARGEST_LISTING))
    if (listing === undefined) throw malformed(connection, name)
    const { tags: found } = listing
    if (Array.isArray(found)) for (const tag of found) if (typeof tag === 'string') tags.add(tag)
    url = nextPage(response.header('link'), response.url)
  }
  return [...tags].sort()
}

/** RFC 8288; the target may be relative. */
function nextPage(link: string | undefined, base: URL): URL | undefined {
  const [, target] = /<([^>]*)>\s*;[^,]*\brel="?next"?/i.exec(link ?? '') ?? []
  return target === undefined ? undefined : (URL.parse(target, base.href) ?? undefined)
}

function malformed({ host }: Connection, name: string): BallastError {
  return new BallastError('REMOTE', `registry ${host} answers with something else than the tags of ${name}`, {
    hint: 'check that this host and port are a registry',
  })
}
