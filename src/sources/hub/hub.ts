import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  BallastError,
  type CallOptions,
  type Checksum,
  isSystemError,
  keepSecret,
  readIfPresent,
} from '../../core/index.ts'
import {
  createTransport,
  type IncomingResponse,
  type Network,
  RETRY_DELAYS,
  type RetryDelays,
  readDocument,
  withRedirects,
  withRetries,
} from '../../http/index.ts'
import { parseJson } from '../../model/index.ts'
import { remoteContent } from '../http/remote-content.ts'
import type { RemoteFile, Source } from '../source.ts'
import type { HubAccess } from './access.ts'
import { parseHubAddress } from './address.ts'
import { refusedByHub } from './refused.ts'
import { type HubFile, readTree } from './tree.ts'

export interface HubSourceOptions {
  /** `hf://ORG/NAME[@REVISION][/PATH]`. */
  readonly address: string
  /** Instead of one in the address; `main` where neither names one. */
  readonly revision?: string | undefined
  readonly access?: HubAccess | undefined
  readonly network?: Network | undefined
  readonly retryDelays?: RetryDelays | undefined
}

const ENDPOINT = 'https://huggingface.co'
/** In bytes. What is told of a repository. */
const LARGEST_ANSWER = 16 * 1024 * 1024

/**
 * A repository of the Hugging Face Hub, or a file or directory in it, at the commit that the revision names when it is
 * listed. Files come from the resolve endpoint by HTTP, which serves those that are kept in Xet as well, in ranges; a
 * hub cache of this machine is used where it has them. Throws USAGE for what is no repository.
 */
export function openHubSource({
  address,
  revision,
  access = {},
  network,
  retryDelays = RETRY_DELAYS,
}: HubSourceOptions): Source {
  const { kind, repository, path: below, ...named } = parseHubAddress(address)
  const wanted = revision ?? named.revision ?? 'main'
  const endpoint = endpointOf(access.endpoint)
  const prefix = kind === 'models' ? '' : `${kind}/`
  const page = new URL(`${prefix}${repository}`, endpoint)
  const send = withRedirects(createTransport({ peer: 'the Hub', network }))

  async function list({ signal }: CallOptions = {}): ReturnType<Source['list']> {
    const { headers, credentials } = await tokenOf(access)
    const asked = { repository, revision: wanted, credentials, page: page.href }
    const refused = (response: IncomingResponse): BallastError => refusedByHub(response, asked)
    const get = (url: URL): Promise<IncomingResponse> =>
      withRetries(retryDelays, signal, async () => {
        const response = await send({ method: 'GET', url, headers, signal })
        if (response.status === 200) return response
        await response.discard()
        throw refused(response)
      })
    const api = `api/${kind}/${repository}`
    const answer = await get(new URL(`${api}/revision/${encodeURIComponent(wanted)}`, endpoint))
    const told = parseJson(await readDocument(answer, { limit: LARGEST_ANSWER, what: repository }))
    const commit = told?.sha
    if (typeof commit !== 'string' || !/^[0-9a-f]{40}$/.test(commit)) {
      throw new BallastError('DAMAGED', `${answer.peer} does not say which commit ${wanted} is`, {
        hint: 'check HF_ENDPOINT',
      })
    }
    const tree = await readTree(new URL(`${api}/tree/${commit}?recursive=true`, endpoint), get)
    const fileOf = async (file: HubFile, path: string): Promise<RemoteFile> => {
      const { size, oid, sha256 } = file
      const url = new URL(`${prefix}${repository}/resolve/${commit}/${encodePath(file.path)}`, endpoint)
      const place = { send, url, headers, what: `${repository}/${file.path}`, refused }
      const found = {
        size,
        ranges: true,
        url,
        header: () => undefined,
        etag: undefined,
        lastModified: undefined,
      }
      return {
        path,
        size,
        identity: JSON.stringify([endpoint.href, kind, repository, sha256 ?? oid]),
        checksums: [checksumOf(file)],
        content: remoteContent(place, found),
        local: await cachedAt(access.cache, { kind, repository, file }),
      }
    }
    const files = await Promise.all(
      tree.flatMap((file) => {
        const path = pathBelow(file.path, below)
        return path === undefined ? [] : [fileOf(file, path)]
      }),
    )
    if (files.length === 0 && below !== '') {
      throw new BallastError('NOT_FOUND', `${repository} has no ${below} at ${wanted}`, {
        hint: `its files are at ${page.href}/tree/${commit}`,
      })
    }
    return { revision: commit, files, skipped: [] }
  }

  return { address: revision === undefined ? address : withRevision(address, revision), list }
}

/** The same address with that revision. */
function withRevision(address: string, revision: string): string {
  const { kind, repository, path } = parseHubAddress(address)
  const prefix = kind === 'models' ? '' : `${kind}/`
  return `hf://${prefix}${repository}@${encodeURIComponent(revision)}${path === '' ? '' : `/${path}`}`
}

/** Throws USAGE. */
function endpointOf(text = ENDPOINT): URL {
  const url = URL.parse(text.endsWith('/') ? text : `${text}/`)
  if (url !== null && /^https?:$/.test(url.protocol)) return url
  throw new BallastError('USAGE', `HF_ENDPOINT is no address: ${JSON.stringify(text)}`, {
    hint: `write it as ${ENDPOINT}, or unset it`,
  })
}

async function tokenOf({ token, tokenFile }: HubAccess): Promise<{
  readonly headers: Readonly<Record<string, string>>
  readonly credentials: string
}> {
  const inFile = tokenFile && (await readIfPresent(tokenFile))?.toString('utf8')
  const found = (token || inFile || '').trim()
  if (found === '') return { headers: {}, credentials: 'without a token' }
  keepSecret(found)
  const credentials = token ? 'with the token of HF_TOKEN' : `with the token in ${tokenFile}`
  return { headers: { authorization: `Bearer ${found}` }, credentials }
}

/** The path in the model: below the directory that is asked for, or of the one file its name. */
function pathBelow(path: string, below: string): string | undefined {
  if (below === '') return path
  if (path === below) return path.split('/').at(-1)
  return path.startsWith(`${below}/`) ? path.slice(below.length + 1) : undefined
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}

function checksumOf({ sha256, oid, size }: HubFile): Checksum {
  if (sha256 !== undefined) return { algorithm: 'sha256', value: sha256 }
  return { algorithm: 'sha1', value: oid, prefix: `blob ${size}\0` }
}

/** In the layout of huggingface_hub's cache: `models--ORG--NAME/blobs/OID`, whatever the revision. */
async function cachedAt(
  cache: string | undefined,
  { kind, repository, file }: { readonly kind: string; readonly repository: string; readonly file: HubFile },
): Promise<string | undefined> {
  if (cache === undefined) return undefined
  const directory = `${kind}--${repository.replaceAll('/', '--')}`
  const path = join(cache, directory, 'blobs', file.sha256 ?? file.oid)
  try {
    return (await stat(path)).size === file.size ? path : undefined
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return undefined
    throw error
  }
}
