import { BallastError, type CallOptions, isBallastError } from '../core/index.ts'
import { parseJson } from '../model/index.ts'
import type { Engine } from './engine.ts'

/** Something mounted into a container. Paths are on the Engine's host, `destination` is in the container. */
export interface ContainerMount {
  readonly kind: 'bind' | 'volume' | 'other'
  /** Of a volume. */
  readonly name: string
  readonly source: string
  readonly destination: string
  readonly isWritable: boolean
}

export interface ContainerInfo {
  readonly id: string
  readonly name: string
  /** As it was named when the container was made, and the image's id. */
  readonly image: string
  readonly imageId: string
  readonly isRunning: boolean
  /** As `docker run --user` takes it; empty for root. */
  readonly user: string
  readonly labels: Readonly<Record<string, string>>
  readonly mounts: readonly ContainerMount[]
}

interface ContainerAnswer {
  readonly Id: string
  readonly Name: string
  readonly Image: string
  readonly State?: { readonly Running?: boolean }
  readonly Config: {
    readonly Image?: string
    readonly User?: string
    readonly Labels?: Readonly<Record<string, string>> | null
  }
  readonly Mounts?:
    | readonly {
        readonly Type: string
        readonly Name?: string
        readonly Source?: string
        readonly Destination: string
        readonly RW?: boolean
      }[]
    | null
}

/** By name or id. Throws NOT_FOUND. */
export async function inspectContainer(
  engine: Engine,
  name: string,
  { signal }: CallOptions = {},
): Promise<ContainerInfo> {
  const path = `/containers/${encodeURIComponent(name)}/json`
  const found = await engine.call<ContainerAnswer>({ path, signal })
  return {
    id: found.Id,
    name: found.Name.replace(/^\//, ''),
    image: found.Config.Image ?? found.Image,
    imageId: found.Image,
    isRunning: found.State?.Running === true,
    user: found.Config.User ?? '',
    labels: found.Config.Labels ?? {},
    mounts: (found.Mounts ?? []).map(({ Type, Name = '', Source = '', Destination, RW }) => ({
      kind: Type === 'bind' || Type === 'volume' ? Type : 'other',
      name: Name,
      source: Source,
      destination: Destination,
      isWritable: RW !== false,
    })),
  }
}

export interface NewContainer {
  readonly image: string
  readonly name?: string
  readonly command: readonly string[]
  readonly labels?: Readonly<Record<string, string>>
  /** Volumes by name. Nothing of the image is copied into them, however empty they are. */
  readonly volumes?: readonly { readonly name: string; readonly destination: string }[]
  readonly user?: string
}

/** Makes a container without a network and does not start it. The id. Throws NOT_FOUND for an image that is not there. */
export async function createContainer(
  engine: Engine,
  { image, name, command, labels = {}, volumes = [], user }: NewContainer,
  { signal }: CallOptions = {},
): Promise<string> {
  const { Id } = await engine.call<{ readonly Id: string }>({
    method: 'POST',
    path: '/containers/create',
    query: { name },
    json: {
      Image: image,
      // Whatever the image starts with is of no use here.
      Entrypoint: [],
      Cmd: command,
      Labels: labels,
      ...(user !== undefined && { User: user }),
      HostConfig: {
        NetworkMode: 'none',
        Mounts: volumes.map(({ name: Source, destination: Target }) => ({
          Type: 'volume',
          Source,
          Target,
          VolumeOptions: { NoCopy: true },
        })),
      },
    },
    signal,
  })
  return Id
}

/** Starts it and waits for its end: its exit code. */
export async function runContainer(
  engine: Engine,
  id: string,
  { signal }: CallOptions = {},
): Promise<number> {
  await engine.call<undefined>({ method: 'POST', path: `/containers/${id}/start`, signal })
  const path = `/containers/${id}/wait`
  const { StatusCode } = await engine.call<{ readonly StatusCode: number }>({ method: 'POST', path, signal })
  return StatusCode
}

/** Also while it runs. One that is gone already is no failure. */
export async function removeContainer(engine: Engine, id: string): Promise<void> {
  const query = { force: true, v: true }
  await engine
    .call<undefined>({ method: 'DELETE', path: `/containers/${id}`, query })
    .catch((error: unknown) => {
      if (!isBallastError(error, 'NOT_FOUND') && !isBallastError(error, 'CONFLICT')) throw error
    })
}

/** Ids and names of the containers that have the label, stopped ones too. `created` in seconds since the epoch. */
export async function listContainers(
  engine: Engine,
  label: string,
  { signal }: CallOptions = {},
): Promise<readonly { readonly id: string; readonly name: string; readonly created: number }[]> {
  const query = { all: true, filters: JSON.stringify({ label: [label] }) }
  const found = await engine.call<
    readonly { readonly Id: string; readonly Names?: readonly string[]; readonly Created?: number }[]
  >({ path: '/containers/json', query, signal })
  return found.map(({ Id, Names, Created }) => ({
    id: Id,
    name: (Names?.[0] ?? '').replace(/^\//, ''),
    created: Created ?? 0,
  }))
}

/** Go's os.FileMode, whose bits for kinds are not those of Unix. */
const MODE_DIRECTORY = 0x80000000
const MODE_SYMLINK = 0x08000000
const MODE_OTHER = 0x07200000

export interface PathInfo {
  readonly type: 'directory' | 'file' | 'symlink' | 'other'
  readonly size: number
  /** Permission bits. */
  readonly mode: number
  /** Modification time, as text because it exceeds what a double holds. */
  readonly mtimeNs: string
  /** Of a symlink: where it ends, as an absolute path in the container, links on the way resolved. */
  readonly link: string
}

/** What stands at the path in a container, running or not, with everything that is mounted; undefined where nothing does. */
export async function statInContainer(
  engine: Engine,
  { id, path }: { readonly id: string; readonly path: string },
  { signal }: CallOptions = {},
): Promise<PathInfo | undefined> {
  const call = { method: 'HEAD', path: `/containers/${id}/archive`, query: { path }, signal } as const
  const headers = await engine.headers(call).catch((error: unknown) => {
    if (isBallastError(error, 'NOT_FOUND')) return undefined
    throw error
  })
  const encoded = headers?.['x-docker-container-path-stat']
  if (typeof encoded !== 'string') return undefined
  const { size, mode, mtime, linkTarget } = parseJson(Buffer.from(encoded, 'base64')) ?? {}
  if (typeof size !== 'number' || typeof mode !== 'number') {
    throw new BallastError('REMOTE', `the Engine does not say what ${path} is`)
  }
  return {
    type: typeOf(mode),
    size,
    mode: mode % 0o1000,
    mtimeNs: typeof mtime === 'string' ? nanoseconds(mtime) : '',
    link: typeof linkTarget === 'string' ? linkTarget : '',
  }
}

/** Of RFC 3339 with up to nine digits behind the second. */
function nanoseconds(time: string): string {
  const [, seconds = '', fraction = '', zone = ''] = /^([^.Z+]*)(?:\.(\d+))?(.*)$/.exec(time) ?? []
  const whole = Date.parse(`${seconds}${zone}`)
  return Number.isNaN(whole) ? '' : `${BigInt(whole) * 1_000_000n + BigInt(fraction.padEnd(9, '0'))}`
}

function typeOf(mode: number): PathInfo['type'] {
  // Without operators on bits, which would make the highest a sign.
  if (mode >= MODE_DIRECTORY) return 'directory'
  if ((mode & MODE_SYMLINK) !== 0) return 'symlink'
  return (mode & MODE_OTHER) === 0 ? 'file' : 'other'
}

/** A tar of the file, or of the directory with all that is below it, under its last name. Throws NOT_FOUND. */
export function readFromContainer(
  engine: Engine,
  { id, path }: { readonly id: string; readonly path: string },
  { signal }: CallOptions = {},
): Promise<AsyncIterable<Uint8Array>> {
  return engine.stream({ path: `/containers/${id}/archive`, query: { path }, signal })
}

/** Unpacks a tar into a directory of the container, which need not run. */
export async function writeToContainer(
  engine: Engine,
  { id, path, tar }: { readonly id: string; readonly path: string; readonly tar: AsyncIterable<Uint8Array> },
  { signal }: CallOptions = {},
): Promise<void> {
  const call = {
    method: 'PUT',
    path: `/containers/${id}/archive`,
    query: { path },
    body: tar,
    signal,
  } as const
  await engine.call<undefined>(call)
}

/** Absolute paths that differ from the container's image; not what is in its mounts. */
export async function changedInContainer(
  engine: Engine,
  id: string,
  { signal }: CallOptions = {},
): Promise<readonly { readonly path: string; readonly how: 'changed' | 'added' | 'deleted' }[]> {
  const found = await engine.call<readonly { readonly Path: string; readonly Kind: number }[] | null>({
    path: `/containers/${id}/changes`,
    signal,
  })
  const kinds = ['changed', 'added', 'deleted'] as const
  return (found ?? []).map(({ Path, Kind }) => ({ path: Path, how: kinds[Kind] ?? 'changed' }))
}
