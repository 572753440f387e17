import { createHash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import { type FileServer, type FileServerOptions, startFileServer } from './file-server.ts'

export interface HubRepository {
  /** `org/name` */
  readonly name: string
  /** By path. */
  readonly files: Readonly<Record<string, Buffer>>
  readonly isPrivate?: boolean
  readonly isGated?: boolean
}

export interface HubDouble {
  readonly endpoint: string
  /** Where large files are served from: another host. */
  readonly storage: FileServer
  /** `METHOD /path` of each request to the Hub itself. */
  readonly requests: readonly string[]
  /** A new commit on `main`; its id. */
  commit(repository: HubRepository): string
}

export const HUB_TOKEN = 'hf_only-in-tests'
/** In bytes. Larger files are kept by LFS. */
const LARGE = 10_000
const FILES_A_PAGE = 2

/**
 * A server that behaves as the Hub does for repositories of models: commits, the tree page by page, small files from
 * itself and large ones by a redirect to another host with an address that is signed. Ends with the test.
 */
export async function startHub(
  t: Pick<TestContext, 'after'>,
  storageOptions: Pick<FileServerOptions, 'spoil'> = {},
): Promise<HubDouble> {
  const commits = new Map<string, HubRepository>()
  const heads = new Map<string, string>()
  const storage = await startFileServer(
    t,
    {},
    {
      ...storageOptions,
      instead: ({ url, headers }, response) => {
        const isSigned = new URL(url ?? '', 'http://x').searchParams.get('Signature') === 'right'
        if (isSigned && headers.authorization === undefined) return false
        response.writeHead(400).end('only one way to prove oneself is allowed')
        return true
      },
    },
  )

  function refuse(response: ServerResponse, status: number, code: string): true {
    response.writeHead(status, { 'x-error-code': code, 'x-error-message': code }).end(code)
    return true
  }

  const hub = await startFileServer(
    t,
    {},
    {
      instead: ({ url = '/', headers, method }, response) => {
        const { pathname, searchParams } = new URL(url, 'http://x')
        const [, api, resolved] =
          /^\/(?:api\/models\/([^/]+\/[^/]+)|([^/]+\/[^/]+)\/resolve)\//.exec(pathname) ?? []
        const name = api ?? resolved ?? ''
        const head = heads.get(name)
        const isKnown = headers.authorization === `Bearer ${HUB_TOKEN}`
        if (headers.authorization !== undefined && !isKnown) return refuse(response, 401, 'InvalidToken')
        const latest = commits.get(head ?? '')
        if (head === undefined || (latest?.isPrivate && !isKnown))
          return refuse(response, 401, 'RepoNotFound')
        const rest = pathname.slice(pathname.indexOf(`${name}/`) + name.length + 1).split('/')
        const [verb, revision = '', ...path] = rest.map(decodeURIComponent)
        const commit = revision === 'main' ? head : revision
        const repository = commits.get(commit)
        if (repository === undefined) return refuse(response, 404, 'RevisionNotFound')
        if (verb === 'revision') {
          response.writeHead(200, { 'content-type': 'application/json' })
          response.end(
            JSON.stringify({ id: name, sha: commit, gated: repository.isGated ? 'manual' : false }),
          )
          return true
        }
        if (verb === 'tree') return sendPage(response, { repository, pathname, searchParams })
        const bytes = repository.files[path.join('/')]
        if (repository.isGated && !isKnown) return refuse(response, 401, 'GatedRepo')
        if (bytes === undefined) return refuse(response, 404, 'EntryNotFound')
        const common = { 'x-repo-commit': commit }
        if (bytes.length < LARGE) {
          hub.files.set(decodeURIComponent(pathname), { bytes, headers: common })
          return false
        }
        const sha256 = hash('sha256', bytes)
        response.writeHead(302, {
          ...common,
          'x-linked-etag': `"${sha256}"`,
          'x-linked-size': bytes.length,
          location: `${storage.origin}/lfs/${sha256}?Signature=right&Expires=1`,
        })
        response.end(method === 'HEAD' ? undefined : 'Found')
        return true
      },
    },
  )

  return {
    endpoint: hub.origin,
    storage,
    requests: hub.requests,
    commit(repository) {
      const id = hash('sha1', Buffer.from(`${repository.name} ${commits.size}`))
      commits.set(id, repository)
      heads.set(repository.name, id)
      for (const bytes of Object.values(repository.files)) {
        if (bytes.length >= LARGE) storage.files.set(`/lfs/${hash('sha256', bytes)}`, { bytes })
      }
      return id
    },
  }
}

function sendPage(
  response: ServerResponse,
  {
    repository: { files },
    pathname,
    searchParams,
  }: {
    readonly repository: HubRepository
    readonly pathname: string
    readonly searchParams: URLSearchParams
  },
): true {
  const directories = new Set(
    Object.keys(files).flatMap((path) => (path.includes('/') ? [path.slice(0, path.lastIndexOf('/'))] : [])),
  )
  const entries = [
    ...[...directories].map((path) => ({ type: 'directory', oid: '0'.repeat(40), size: 0, path })),
    ...Object.entries(files).map(([path, bytes]) => entryOf(path, bytes)),
  ]
  const at = Number(searchParams.get('cursor') ?? 0)
  const next = at + FILES_A_PAGE
  const link = `<http://hub.invalid${pathname}?recursive=true&cursor=${next}>; rel="next"`
  response.writeHead(200, {
    'content-type': 'application/json',
    ...(next < entries.length && { link }),
  })
  response.end(JSON.stringify(entries.slice(at, next)))
  return true
}

function entryOf(path: string, bytes: Buffer): object {
  const { length: size } = bytes
  if (size < LARGE) return { type: 'file', oid: gitSha(bytes), size, path }
  const sha256 = hash('sha256', bytes)
  const pointer = Buffer.from(
    `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${size}\n`,
  )
  const lfs = { oid: sha256, size, pointerSize: pointer.length }
  return { type: 'file', oid: gitSha(pointer), size, path, lfs, xetHash: hash('sha256', Buffer.from(sha256)) }
}

/** As git names a file. */
export function gitSha(bytes: Buffer): string {
  return hash('sha1', Buffer.concat([Buffer.from(`blob ${bytes.length}\0`), bytes]))
}

function hash(algorithm: string, bytes: Buffer): string {
  return createHash(algorithm).update(bytes).digest('hex')
}
