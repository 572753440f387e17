import { BallastError } from '../../core/index.ts'
import { type IncomingResponse, linkTo, readDocument } from '../../http/index.ts'
import { checkFilePath, objectOf } from '../../model/index.ts'

/** A file in a commit, as the Hub's API tells of it. */
export interface HubFile {
  readonly path: string
  readonly size: number
  /** Of git: SHA-1 of `blob SIZE\0` and the bytes, or of what stands for them. */
  readonly oid: string
  /** Of a large file: that of its bytes. */
  readonly sha256: string | undefined
}

/** In bytes. A page has at most 1000 files. */
const LARGEST_PAGE = 16 * 1024 * 1024
/** A repository that goes on for longer has no end. */
const MOST_PAGES = 1000

/** All files of a commit, page by page. Throws DAMAGED for an answer of another form, REFUSED for an unsafe name. */
export async function readTree(
  first: URL,
  get: (url: URL) => Promise<IncomingResponse>,
): Promise<readonly HubFile[]> {
  const files: HubFile[] = []
  let url: URL | undefined = first
  for (let page = 0; url !== undefined; page++) {
    if (page >= MOST_PAGES) throw new BallastError('REMOTE', `${first.host} lists files without end`)
    const response = await get(url)
    const bytes = await readDocument(response, { limit: LARGEST_PAGE, what: 'the list of files' })
    files.push(...decodePage(bytes, response))
    const next = linkTo('next', response.header('link'))
    const target: URL | null = next === undefined ? null : URL.parse(next, response.url.href)
    // A hub behind a proxy that ends TLS may name itself by http, and no other host is shown the token.
    url = target === null ? undefined : new URL(`${target.pathname}${target.search}`, first.origin)
  }
  return files
}

function decodePage(bytes: Buffer, { peer }: IncomingResponse): readonly HubFile[] {
  let entries: unknown
  try {
    entries = JSON.parse(bytes.toString('utf8'))
  } catch {
    // The error below says it.
  }
  if (!Array.isArray(entries)) {
    throw new BallastError('DAMAGED', `${peer} answers with something else than a list of files`, {
      hint: 'check HF_ENDPOINT',
    })
  }
  return entries.flatMap((entry: unknown) => {
    const { type, path, size, oid, lfs } = objectOf(entry)
    if (type !== 'file') return []
    const { oid: sha256, size: whole } = objectOf(lfs)
    const length = typeof whole === 'number' ? whole : size
    if (typeof path !== 'string' || typeof oid !== 'string' || !Number.isSafeInteger(length)) {
      throw new BallastError('DAMAGED', `${peer} lists a file without a path, a size or an id`)
    }
    return [
      {
        path: checkFilePath(path),
        size: length as number,
        oid,
        sha256: typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256) ? sha256 : undefined,
      },
    ]
  })
}
