import { randomUUID } from 'node:crypto'
import {
  BallastError,
  type CallOptions,
  type Checksum,
  isDigest,
  keepSecret,
  redact,
  throwIfAborted,
} from '../../core/index.ts'
import {
  createTransport,
  type Network,
  RETRY_DELAYS,
  type RetryDelays,
  readDocument,
  withRedirects,
  withRetries,
} from '../../http/index.ts'
import type { RemoteFile, Source } from '../source.ts'
import { fileNameOf } from './file-name.ts'
import { checksumsIn, sha256In } from './published-checksums.ts'
import { type Found, lookAt, type Place, remoteContent } from './remote-content.ts'
import { refusedBy } from './status.ts'

export interface HttpSourceOptions {
  /** `https://HOST/PATH`, perhaps with `#sha256=…`. A user and password in it are shown to that host alone. */
  readonly address: string
  readonly network?: Network | undefined
  readonly retryDelays?: RetryDelays | undefined
}

/** One file at an address. Throws USAGE for what is no such address. */
export function openHttpSource({ address, network, retryDelays = RETRY_DELAYS }: HttpSourceOptions): Source {
  const { url, sha256, headers } = parseAddress(address)
  const shown = redact(url.href)
  const credentials =
    'authorization' in headers ? 'with the user and password of the address' : 'without credentials'
  const place: Place = {
    send: withRedirects(createTransport({ peer: 'server', network })),
    url,
    headers,
    what: shown,
    refused: (response) => refusedBy(response, { what: shown, credentials }),
  }
  return {
    address: shown,
    async list({ signal }: CallOptions = {}) {
      const found = await withRetries(retryDelays, signal, () => lookAt(place, signal))
      const path = fileNameOf(url, found.header('content-disposition'))
      if (path === undefined) {
        throw new BallastError('REFUSED', `${shown} does not say what the file is called`, {
          hint: 'name a file, not a directory: the address has to end with its name',
        })
      }
      const told = checksumsIn(found.header, { isWhole: !found.ranges })
      const given = sha256 ?? (told.length > 0 ? undefined : await publishedBeside(place, path, signal))
      const checksums: readonly Checksum[] =
        given === undefined ? told : [{ algorithm: 'sha256', value: given }]
      const file: RemoteFile = {
        path,
        size: found.size,
        identity: identityOf(url, found, checksums),
        checksums,
        content: remoteContent(place, found),
        ranges: found.ranges,
      }
      return { revision: found.etag ?? found.lastModified, files: [file], skipped: [] }
    },
  }
}

function parseAddress(address: string): {
  readonly url: URL
  readonly sha256: string | undefined
  readonly headers: Readonly<Record<string, string>>
} {
  const url = URL.parse(address)
  const shown = JSON.stringify(redact(address))
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new BallastError('USAGE', `${shown} is no address of a file`, { hint: 'write https://HOST/PATH' })
  }
  const [, sha256] = /^#sha256=(.*)$/s.exec(url.hash) ?? []
  if (url.hash !== '' && !isDigest(`sha256:${sha256?.toLowerCase()}`)) {
    throw new BallastError('USAGE', `${shown}: what stands behind # is no checksum`, {
      hint: 'write #sha256= and 64 hexadecimal digits, or leave it out',
    })
  }
  const [user, password] = [url.username, url.password].map(decodeURIComponent)
  if (password !== undefined) keepSecret(password)
  const basic = Buffer.from(`${user}:${password}`).toString('base64')
  const headers = url.username === '' ? {} : { authorization: `Basic ${basic}` }
  url.username = url.password = url.hash = ''
  return { url, sha256: sha256?.toLowerCase(), headers }
}

/** Larger ones are no list of checksums. */
const LARGEST_LIST = 64 * 1024

/** What `FILE.sha256` beside the file says, where there is one. */
async function publishedBeside(
  { send, url, headers }: Place,
  path: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const beside = new URL(url)
  beside.pathname += '.sha256'
  try {
    const response = await send({ method: 'GET', url: beside, headers, bulk: true, signal })
    if (response.status === 200) {
      const text = await readDocument(response, { limit: LARGEST_LIST, what: 'a checksum' })
      return sha256In(text.toString('utf8'), path)
    }
    await response.discard()
  } catch (error) {
    throwIfAborted(signal)
    // Nobody has promised one.
    if (!(error instanceof BallastError)) throw error
  }
  return undefined
}

/** What a signature adds to an address is another one each time. */
const SIGNATURES =
  /^(?:x-(?:amz|goog)-|sig|signature|se|st|sp|sv|sr|expires|policy|key-pair-id|token|awsaccesskeyid)/i

/** Where nothing tells one content from the next, none is taken for another. */
function identityOf(url: URL, { etag, lastModified, size }: Found, checksums: readonly Checksum[]): string {
  const plain = new URL(url)
  for (const name of [...plain.searchParams.keys()]) {
    if (SIGNATURES.test(name)) plain.searchParams.delete(name)
  }
  const surely = checksums.find(({ algorithm }) => algorithm === 'sha256')?.value
  const validator = surely ?? etag ?? lastModified ?? randomUUID()
  return JSON.stringify([plain.href, size, validator])
}
