import { BallastError } from '../core/index.ts'
import { parseJson } from '../model/index.ts'
import type { EngineEndpoint } from './endpoint.ts'

/** What an Engine is, as far as others have to care. */
export interface EngineInfo {
  /** Podman's service speaks the same API, but is another Engine. */
  readonly kind: 'docker' | 'podman'
  readonly version: string
  readonly apiVersion: string
  /** As image configs have it: `linux/amd64`. */
  readonly platform: string
  /** Where images are: layers of a graph driver, known by their chains, or containerd's content store, known by their digests. */
  readonly imageStore: 'graph-driver' | 'containerd'
  readonly storageDriver: string
  /** The name of the Engine's host. */
  readonly hostName: string
  /** On the Engine's host. */
  readonly rootDirectory: string
  readonly isRootless: boolean
  readonly hasSelinux: boolean
  readonly isSwarmActive: boolean
}

/** `GET /version` */
export interface VersionAnswer {
  readonly Version?: string
  readonly ApiVersion?: string
  readonly Os?: string
  readonly Arch?: string
  readonly Components?: readonly { readonly Name?: string }[]
}

/** `GET /info` */
export interface InfoAnswer {
  readonly Driver?: string
  readonly DriverStatus?: readonly (readonly [string, string])[]
  readonly Name?: string
  readonly DockerRootDir?: string
  readonly SecurityOptions?: readonly string[] | null
  readonly Swarm?: { readonly LocalNodeState?: string }
}

export function infoOf(version: VersionAnswer, info: InfoAnswer): EngineInfo {
  const security = info.SecurityOptions ?? []
  const has = (name: string): boolean => security.some((option) => option.split(',').includes(`name=${name}`))
  const driverType = info.DriverStatus?.find(([key]) => key === 'driver-type')?.[1] ?? ''
  const isPodman = version.Components?.some(({ Name = '' }) => /podman/i.test(Name)) === true
  return {
    kind: isPodman ? 'podman' : 'docker',
    version: version.Version ?? '',
    apiVersion: version.ApiVersion ?? '',
    platform: `${version.Os ?? 'linux'}/${version.Arch ?? 'amd64'}`,
    imageStore: driverType.startsWith('io.containerd.snapshotter') ? 'containerd' : 'graph-driver',
    storageDriver: info.Driver ?? '',
    hostName: info.Name ?? '',
    rootDirectory: info.DockerRootDir ?? '',
    isRootless: has('rootless'),
    hasSelinux: has('selinux'),
    isSwarmActive: info.Swarm?.LocalNodeState === 'active',
  }
}

/** Throws REMOTE for what is no Engine's answer. */
export function decodeVersion(text: string, { url }: EngineEndpoint): VersionAnswer {
  const answer = parseJson(Buffer.from(text))
  if (typeof answer?.ApiVersion === 'string') return answer
  throw new BallastError('REMOTE', `what answers at ${url} is no Docker Engine`, {
    hint: 'check DOCKER_HOST',
  })
}

export function olderOf(a: string, b: string): string {
  const [first, second] = [a, b].map((text) => text.split('.').map(Number))
  const order = (first?.[0] ?? 0) - (second?.[0] ?? 0) || (first?.[1] ?? 0) - (second?.[1] ?? 0)
  return order <= 0 ? a : b
}
