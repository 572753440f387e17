import type { CallOptions } from '../core/index.ts'
import type { Engine } from './engine.ts'
import { HELPER_LABEL } from './helper-image.ts'

/** A container that has a volume. */
export interface VolumeUser {
  readonly name: string
  /** Paused ones too. */
  readonly isRunning: boolean
}

interface ListedContainer {
  readonly Names?: readonly string[]
  readonly State?: string
  readonly Labels?: Readonly<Record<string, string>> | null
  readonly Mounts?: readonly { readonly Name?: string }[] | null
}

/** Who has the volume, in whatever state; without the containers by which Ballast itself gets at volumes. */
export async function containersWithVolume(
  engine: Engine,
  name: string,
  { signal }: CallOptions = {},
): Promise<readonly VolumeUser[]> {
  const found = await engine.call<readonly ListedContainer[]>({
    path: '/containers/json',
    query: withVolume(name),
    signal,
  })
  return found
    .filter(({ Labels }) => Labels?.[HELPER_LABEL] === undefined)
    .filter(({ Mounts }) => (Mounts ?? []).some((mount) => mount.Name === name))
    .map(({ Names, State }) => ({
      name: (Names?.[0] ?? '').replace(/^\//, ''),
      isRunning: State === 'running' || State === 'paused' || State === 'restarting',
    }))
}

/** How many containers have the volume, in whatever state. */
export async function countContainersWithVolume(
  engine: Engine,
  name: string,
  { signal }: CallOptions = {},
): Promise<number> {
  const path = '/containers/json'
  return (await engine.call<readonly unknown[]>({ path, query: withVolume(name), signal })).length
}

/** The Engine takes a volume's name or a destination, and a part of neither. */
function withVolume(name: string): { readonly all: true; readonly filters: string } {
  return { all: true, filters: JSON.stringify({ volume: [name] }) }
}
