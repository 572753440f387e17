import type { BucketAccess } from '../buckets/index.ts'
import { BallastError } from '../core/index.ts'
import type { Network } from '../http/index.ts'
import { isDvcFile } from '../model/index.ts'
import type { HubAccess } from './hub/access.ts'
import type { Source } from './source.ts'

/** What is there for sources where they are opened, each by the conventions of its own users. */
export interface SourceAccess {
  readonly network?: Network | undefined
  readonly hub?: HubAccess | undefined
  readonly buckets?: BucketAccess | undefined
}

export interface OpenSourceOptions {
  readonly access: SourceAccess
  /** Of upstream: a branch, a tag, a commit. */
  readonly revision?: string | undefined
}

type Open = (address: string, options: OpenSourceOptions) => Promise<Source>

/** Each is loaded when an address asks for it. */
const SCHEMES: Readonly<Record<string, Open>> = {
  https: openHttp,
  http: openHttp,
  async hf(address, { access, revision }) {
    const { openHubSource } = await import('./hub/hub.ts')
    return openHubSource({ address, revision, access: access.hub, network: access.network })
  },
  s3: openBucket,
  gs: openBucket,
  az: openBucket,
}

/** Of an address, or of the path of a file of DVC. Asks nothing of the other side yet. Throws USAGE for what cannot be one. */
export async function openSource(address: string, options: OpenSourceOptions): Promise<Source> {
  const [, scheme = ''] = /^([a-z0-9+.-]+):\/\//i.exec(address) ?? []
  const open = SCHEMES[scheme.toLowerCase()]
  if (open !== undefined) return open(address, options)
  if (isDvcFile(address)) return openDvc(address, options)
  throw new BallastError('USAGE', `${JSON.stringify(address)}: models do not come from there`, {
    hint: `write an address that begins with ${Object.keys(SCHEMES)
      .map((name) => `${name}://`)
      .join(', ')}`,
  })
}

async function openDvc(path: string, { revision }: OpenSourceOptions): Promise<Source> {
  if (revision !== undefined) throw noRevisions('a project of DVC')
  const { openDvcSource } = await import('./dvc.ts')
  return openDvcSource(path)
}

async function openHttp(address: string, { access, revision }: OpenSourceOptions): Promise<Source> {
  if (revision !== undefined) throw noRevisions('a file at an address')
  const { openHttpSource } = await import('./http/http.ts')
  return openHttpSource({ address, network: access.network })
}

async function openBucket(address: string, { access, revision }: OpenSourceOptions): Promise<Source> {
  if (revision !== undefined) throw noRevisions('a bucket')
  const { openBucketSource } = await import('./bucket.ts')
  return openBucketSource({ address, access: { ...access.buckets, network: access.network } })
}

function noRevisions(what: string): BallastError {
  return new BallastError('USAGE', `${what} has no revisions to choose from`, {
    hint: 'leave --revision out, or name the revision in the address',
  })
}
