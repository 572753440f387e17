import type { CallOptions } from '../core/index.ts'
import type { Network } from '../http/index.ts'
import {
  findLogin,
  findPullPlaces,
  mirroredRepository,
  openRepository,
  type PullPlace,
  type RegistryRepository,
  speaksPlainHttp,
  type UploadJournal,
} from '../registry/index.ts'
import type { ImageAccess } from './image-places.ts'
import { networkTo } from './registry-network.ts'

interface Asked {
  readonly host: string
  readonly name: string
  /** A tag or a digest: mirrors may be asked for the one kind alone. */
  readonly reference: string
  /** What the registry itself has, for who writes. */
  readonly direct: boolean
  readonly journal: UploadJournal | undefined
}

/** A repository of a registry, and for who only reads its mirrors. Throws USAGE, REFUSED for a registry that is blocked, DISK. */
export async function openRegistry(
  { host, name, reference, direct, journal }: Asked,
  access: ImageAccess,
  options: CallOptions = {},
): Promise<RegistryRepository> {
  const { mirrors: files } = access
  const places = files && (await findPullPlaces(files, { host, name, reference }))
  const insecure = places?.insecure === true
  const own = await open({ host, name, insecure, plainHttp: false }, { access, journal }, options)
  if (places === undefined || direct) return own
  const { home, mirrors } = places
  const isOwn = `${home.host}/${home.name}` === own.name
  if (isOwn && mirrors.length === 0) return own
  const impatient = { ...access, patience: { ...access.patience, retryDelays: [] } }
  return mirroredRepository(own, {
    home: isOwn ? own : await open(home, { access }, options),
    mirrors: await Promise.all(
      mirrors.map(async (mirror) => ({
        repository: await open(mirror, { access: impatient, network: access }, options),
        tags: mirror.tags,
      })),
    ),
  })
}

interface How {
  readonly access: ImageAccess
  /** Whose connections are shared. */
  readonly network?: ImageAccess
  readonly journal?: UploadJournal | undefined
}

async function open(
  { host, name, insecure, plainHttp }: Omit<PullPlace, 'tags'>,
  { access, network: shared = access, journal }: How,
  options: CallOptions,
): Promise<RegistryRepository> {
  const network = await networkTo(host, shared, { unverified: insecure })
  const plain =
    plainHttp ||
    access.plainHttp?.includes(host) === true ||
    (insecure && (await isPlain(host, { network, access }, options)))
  return openRepository({
    host,
    name,
    // A credential helper may be slow, or ask its user something: only when the registry wants a login.
    credentials: () => findLogin(access, { host, name }),
    ...(plain && { plainHttp: true }),
    journal,
    network,
    ...access.patience,
  })
}

/** Each is asked once. */
const schemes = new WeakMap<Network, Map<string, Promise<boolean>>>()

function isPlain(
  host: string,
  { network, access }: { readonly network: Network; readonly access: ImageAccess },
  options: CallOptions,
): Promise<boolean> {
  const known = schemes.get(network) ?? new Map<string, Promise<boolean>>()
  schemes.set(network, known)
  const asked =
    known.get(host) ?? speaksPlainHttp(host, { network, patience: access.patience?.patience }, options)
  known.set(host, asked)
  return asked
}
