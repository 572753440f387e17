import { posix } from 'node:path'
import { type Json, objectOf } from '../model/index.ts'
import type { ContainerRecord } from './container-record.ts'

/** What is to be different in a container that is otherwise made like another one. */
export interface ContainerChange {
  readonly image: string
  /** Labels that the former image gave to the container: the new image has its own. */
  readonly imageLabels: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  /** Paths in the container at which nothing is to be mounted any more. */
  readonly withoutMounts: readonly string[]
  readonly mounts: readonly NewMount[]
}

/** Read-only. */
export interface NewMount {
  readonly kind: 'bind' | 'volume'
  /** A directory of the Engine's host, or a volume's name. */
  readonly source: string
  readonly destination: string
  /** Whether the Engine is to label the directory for containers (SELinux). */
  readonly relabel?: boolean
}

/** The bodies of the calls that make the container. */
export interface ContainerCopy {
  readonly create: Json
  /** Networks beside the first one: older Engines take a single one when a container is made. */
  readonly connect: readonly { readonly network: string; readonly endpoint: Json }[]
}

/**
 * How to make a container like this one but for the change. Everything that its inspection states is carried over, and what
 * the Engine chose for it stays too: ports on the host, volumes without a name. Not what it has written in itself.
 */
export function copyContainer({ id, json, ports }: ContainerRecord, change: ContainerChange): ContainerCopy {
  const { Hostname, Labels, Entrypoint, ExposedPorts, ...config } = objectOf(json.Config)
  const host = objectOf(json.HostConfig)
  const mode = String(host.NetworkMode ?? 'default')
  const shares = mode.startsWith('container:')
  const [first, ...others] = isConnected(mode) ? endpointsOf(json, { id, mode }) : []
  // One that was taken out of the network that it was made in is made in another of its own.
  const NetworkMode = first === undefined || first.network === networkOf(mode) ? mode : first.network
  const ownName = Hostname !== undefined && Hostname !== id.slice(0, 12) && !shares && host.UTSMode !== 'host'
  return {
    create: {
      ...config,
      ...(ownName && { Hostname }),
      // The image's own are taken for none at all, and refused where the network is another container's.
      Entrypoint: listOf(Entrypoint).length === 0 ? [''] : Entrypoint,
      ...(!shares && { ExposedPorts }),
      Image: change.image,
      Labels: { ...labelsOf(Labels, change.imageLabels), ...change.labels },
      HostConfig: {
        ...host,
        ...mountsOf(json, change),
        ...(!shares && { PortBindings: bindingsOf(host, ports), PublishAllPorts: false }),
        Links: linksOf(host.Links),
        NetworkMode,
      },
      // The bridge takes no settings by the name of `default`.
      ...(first !== undefined &&
        NetworkMode !== 'default' && {
          NetworkingConfig: { EndpointsConfig: { [first.network]: first.endpoint } },
        }),
    },
    connect: others,
  }
}

function labelsOf(labels: unknown, ofImage: Readonly<Record<string, string>>): Json {
  return Object.fromEntries(Object.entries(objectOf(labels)).filter(([key, value]) => ofImage[key] !== value))
}

/** Not with the host's network, another container's or none. */
function isConnected(mode: string): boolean {
  return !/^(?:host|none|container:.*)$/.test(mode)
}

function networkOf(mode: string): string {
  return mode === 'default' ? 'bridge' : mode
}

/** The network that the container was made in comes first. */
function endpointsOf(
  json: Json,
  { id, mode }: { readonly id: string; readonly mode: string },
): ContainerCopy['connect'] {
  const own = networkOf(mode)
  const networks = Object.entries(objectOf(objectOf(json.NetworkSettings).Networks))
  const ordered = networks.toSorted(([a], [b]) => Number(b === own) - Number(a === own))
  return ordered.map(([network, settings]) => {
    const { IPAMConfig, Links, Aliases, DriverOpts } = objectOf(settings)
    const aliases = listOf(Aliases).filter((alias) => alias !== id.slice(0, 12))
    return {
      network,
      endpoint: {
        ...(IPAMConfig !== null && IPAMConfig !== undefined && { IPAMConfig }),
        ...(listOf(Links).length > 0 && { Links }),
        ...(aliases.length > 0 && { Aliases: aliases }),
        ...(DriverOpts !== null && DriverOpts !== undefined && { DriverOpts }),
      },
    }
  })
}

/** A port that the Engine chose is kept, because somebody may know it by now. */
function bindingsOf(host: Json, ports: ContainerRecord['ports']): Json {
  const stated = objectOf(host.PortBindings)
  const chosen = host.PublishAllPorts === true ? ports.map(({ port }) => port) : []
  const all = [...new Set([...Object.keys(stated), ...chosen])]
  return Object.fromEntries(all.map((port) => [port, bindingsOfPort(stated[port], ports, port)]))
}

function bindingsOfPort(stated: unknown, ports: ContainerRecord['ports'], port: string): readonly Json[] {
  const now = ports.filter((binding) => binding.port === port)
  const bindings = Array.isArray(stated) && stated.length > 0 ? stated.map(objectOf) : [{}]
  return bindings.map((binding): Json => {
    const hostIp = String(binding.HostIp ?? '')
    if (/^[1-9]\d*$/.test(String(binding.HostPort ?? ''))) return binding
    const found = now.find((one) => hostIp === '' || one.hostIp === hostIp) ?? now[0]
    return { HostIp: hostIp, HostPort: found === undefined ? '' : String(found.hostPort) }
  })
}

/** Stated as `/OTHER:/THIS/ALIAS`, and asked for as `OTHER:ALIAS`. */
function linksOf(links: unknown): readonly string[] | null {
  const stated = listOf(links)
  if (stated.length === 0) return null
  return stated.map((link) => {
    const [from = '', to = ''] = link.split(':')
    return `${from.replace(/^\//, '')}:${to.slice(to.lastIndexOf('/') + 1)}`
  })
}

/** Volumes without a name are named, so that the new container has the same ones. */
function mountsOf(json: Json, { withoutMounts, mounts }: ContainerChange): Json {
  const host = objectOf(json.HostConfig)
  const goes = (destination: string): boolean => withoutMounts.includes(destination)
  const there = Array.isArray(json.Mounts) ? json.Mounts.map(objectOf) : []
  const volumes = there.filter(({ Type }) => Type === 'volume')
  const named = (mount: Json): Json => {
    const at = clean(String(mount.Target))
    if (mount.Type !== 'volume' || mount.Source) return mount
    return { ...mount, Source: volumes.find(({ Destination }) => Destination === at)?.Name }
  }
  // One of a destination alone is a volume without a name.
  const binds = listOf(host.Binds).filter((bind) => bind.includes(':') && !goes(destinationOf(bind)))
  const long = (Array.isArray(host.Mounts) ? host.Mounts.map(objectOf) : [])
    .filter(({ Target }) => !goes(clean(String(Target))))
    .map(named)
  const stated = new Set([...binds.map(destinationOf), ...long.map(({ Target }) => clean(String(Target)))])
  const unnamed = volumes
    .filter(({ Destination }) => !stated.has(String(Destination)) && !goes(String(Destination)))
    .map(({ Name, Destination, RW }) => `${Name}:${Destination}${RW === false ? ':ro' : ''}`)
  const relabelled = mounts.filter(({ relabel }) => relabel === true)
  const added = mounts.filter(({ relabel }) => relabel !== true)
  const Binds = [
    ...binds,
    ...unnamed,
    ...relabelled.map(({ source, destination }) => `${source}:${destination}:ro,z`),
  ]
  const Mounts = [
    ...long,
    ...added.map(({ kind, source, destination }) => ({
      Type: kind,
      Source: source,
      Target: destination,
      ReadOnly: true,
    })),
  ]
  return { Binds: Binds.length === 0 ? null : Binds, Mounts: Mounts.length === 0 ? null : Mounts }
}

/** Of `SOURCE:DESTINATION:MODE`. */
function destinationOf(bind: string): string {
  const [, destination = ''] = bind.split(':')
  return clean(destination)
}

/** As an Engine says where something is mounted, however it was written. */
function clean(path: string): string {
  return posix.normalize(path).replace(/(?<=.)\/+$/, '')
}

function listOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : []
}
