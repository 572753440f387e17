import { BallastError, type CallOptions, type Content, type Digest } from '../../core/index.ts'
import {
  createTransport,
  type Network,
  type Patience,
  RETRY_DELAYS,
  type RetryDelays,
  withRedirects,
} from '../../http/index.ts'
import { type BlobUpload, type ImageRepository, type Referrers, taggedReferrers } from '../../oci/index.ts'
import { capabilitiesOf, type Login } from '../protocol/index.ts'
import { withAuthentication } from './authenticate.ts'
import { beginBlob } from './begun-upload.ts'
import { hasBlob, openBlob } from './blobs.ts'
import type { Connection } from './connection.ts'
import { endpointOf, normalisePlace } from './endpoint.ts'
import { deleteManifest, getManifest, headManifest, putManifest } from './manifests.ts'
import { mountBlob } from './mount-blob.ts'
import { registryReferrers } from './referrers.ts'
import { listTags } from './tags.ts'
import { putBlob } from './upload.ts'
import type { UploadJournal } from './upload-journal.ts'

export interface RepositoryOptions {
  /** As in a reference: `localhost:5000`. */
  readonly host: string
  /** Without the host: `team/app`. */
  readonly name: string
  /**
   * Or how to find them, asked for once the registry asks for a login. Sent to nobody but the registry and the token
   * server that it names.
   */
  readonly credentials?: Login | (() => Promise<Login | undefined>) | undefined
  /** By default only for this machine itself. */
  readonly plainHttp?: boolean | undefined
  /** Without it an upload is gone on with by this process alone. */
  readonly journal?: UploadJournal | undefined
  /** Given the same one, repositories share connections. */
  readonly network?: Network | undefined
  readonly retryDelays?: RetryDelays
  readonly patience?: Partial<Patience>
}

/** A repository of a registry: what the port has, and what only registries have. */
export interface RegistryRepository extends ImageRepository {
  /** The digest that a tag stands for, without reading the manifest; undefined when there is none. */
  headManifest(reference: string, options?: CallOptions): Promise<Digest | undefined>
  beginBlob(content: Content, options?: CallOptions): BlobUpload
  readonly referrers: Referrers
  /** False when there is no such tag. Throws REMOTE where the registry cannot delete tags alone. */
  deleteTag(tag: string, options?: CallOptions): Promise<boolean>
  /** With all its tags; false when there is none. Throws REMOTE where the registry cannot delete. */
  deleteManifest(digest: Digest, options?: CallOptions): Promise<boolean>
}

/** Sends nothing yet. Throws USAGE for a host or name that cannot be one. */
export function openRepository(options: RepositoryOptions): RegistryRepository {
  const { host, name } = normalisePlace(options)
  const connection = connect({ ...options, host })
  if (!NAME.test(name)) throw new BallastError('USAGE', `not a repository name: ${JSON.stringify(name)}`)
  const scope = `registry:${host}`
  const { journal } = options
  const { largestBlob } = capabilitiesOf(host)
  const repository: Omit<RegistryRepository, 'referrers'> = {
    name: `${host}/${name}`,
    scope,
    ...(largestBlob !== undefined && { largestBlob }),
    getManifest: (reference, call) => getManifest(connection, { name, reference }, call),
    headManifest: (reference, call) => headManifest(connection, { name, reference }, call),
    async putManifest(manifest, tag, call) {
      await putManifest(connection, { name, manifest, tag }, call)
    },
    deleteTag: (tag, call) => deleteManifest(connection, { name, reference: tag }, call),
    deleteManifest: (digest, call) => deleteManifest(connection, { name, reference: digest }, call),
    openBlob: (blob, call) => openBlob(connection, { name, blob }, call),
    hasBlob: (blob, call) => hasBlob(connection, { name, blob }, call),
    putBlob: (blob, content, call) => putBlob(connection, { name, blob, content, journal }, call),
    beginBlob: (content, call) => beginBlob(connection, { name, content }, call),
    listTags: (call) => listTags(connection, name, call),
    async mountBlob(blob, from, call) {
      if (from.scope !== scope || !from.name.startsWith(`${host}/`)) return false
      const other = from.name.slice(host.length + 1)
      if (other === name) return hasBlob(connection, { name, blob }, call)
      return mountBlob(connection, { name, blob, from: other }, call)
    },
  }
  const referrers = registryReferrers(connection, { name, tagged: taggedReferrers(repository) })
  return { ...repository, referrers }
}

/** The names of the distribution-spec ("Pulling manifests"), which allows more than Ballast's own. */
const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/

/** `host` is normalised. */
export function connect({
  host,
  credentials,
  plainHttp,
  retryDelays,
  ...how
}: Omit<RepositoryOptions, 'name'>): Connection {
  const base = endpointOf(host, plainHttp)
  const transport = createTransport({ peer: 'registry', network: how.network, patience: how.patience })
  const login = typeof credentials === 'function' ? credentials : async () => credentials
  const send = withRedirects(withAuthentication(transport, { base, host, login }))
  return { host, base, send, retryDelays: retryDelays ?? RETRY_DELAYS }
}
