import { type CallOptions, isBallastError } from '../core/index.ts'
import { type Json, objectOf } from '../model/index.ts'
import type { Engine } from './engine.ts'

/** All that an Engine says of a container, and of that what is asked for by name. */
export interface ContainerRecord {
  readonly id: string
  readonly name: string
  /** As it was named when the container was made. */
  readonly image: string
  readonly imageId: string
  readonly labels: Readonly<Record<string, string>>
  readonly state: ContainerState
  readonly ports: readonly PortBinding[]
  /** In networks that this host may reach. */
  readonly addresses: readonly string[]
  readonly json: Json
}

export interface ContainerState {
  readonly isRunning: boolean
  readonly exitCode: number
  /** How often the Engine has started it again by itself. */
  readonly restarts: number
  /** What its HEALTHCHECK says; undefined where there is none. */
  readonly health: string | undefined
}

/** A port of a running container that is published. */
export interface PortBinding {
  /** `8000/tcp`, in the container. */
  readonly port: string
  readonly hostIp: string
  readonly hostPort: number
}

/** By name or id. Throws NOT_FOUND. */
export async function readContainer(
  engine: Engine,
  name: string,
  { signal }: CallOptions = {},
): Promise<ContainerRecord> {
  const path = `/containers/${encodeURIComponent(name)}/json`
  return containerRecord(await engine.call<Json>({ path, signal }))
}

/** Undefined where there is none. */
export async function findContainer(
  engine: Engine,
  name: string,
  options: CallOptions = {},
): Promise<ContainerRecord | undefined> {
  return readContainer(engine, name, options).catch((error: unknown) => {
    if (isBallastError(error, 'NOT_FOUND')) return undefined
    throw error
  })
}

export function containerRecord(json: Json): ContainerRecord {
  const { Id, Name, Image, Config, State, RestartCount, NetworkSettings } = json
  const state = objectOf(State)
  const { Image: named, Labels } = objectOf(Config)
  const { Ports, Networks } = objectOf(NetworkSettings)
  const health = objectOf(state.Health).Status
  return {
    id: String(Id),
    name: String(Name).replace(/^\//, ''),
    image: String(named ?? Image),
    imageId: String(Image),
    labels: objectOf(Labels) as Readonly<Record<string, string>>,
    state: {
      isRunning: state.Running === true && state.Restarting !== true,
      exitCode: Number(state.ExitCode ?? 0),
      restarts: Number(RestartCount ?? 0),
      health: typeof health === 'string' && health !== 'none' ? health : undefined,
    },
    ports: Object.entries(objectOf(Ports)).flatMap(([port, bound]) =>
      (Array.isArray(bound) ? bound.map(objectOf) : []).map(({ HostIp, HostPort }) => ({
        port,
        hostIp: String(HostIp ?? ''),
        hostPort: Number(HostPort),
      })),
    ),
    addresses: Object.values(objectOf(Networks))
      .map((network) => String(objectOf(network).IPAddress ?? ''))
      .filter((address) => address !== ''),
    json,
  }
}
