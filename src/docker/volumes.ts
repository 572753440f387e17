import { type CallOptions, isBallastError } from '../core/index.ts'
import type { Engine } from './engine.ts'

export interface VolumeInfo {
  readonly name: string
  readonly driver: string
  /** On the Engine's host. */
  readonly mountpoint: string
  /** Of the driver: `type`, `o` and `device` where the local driver mounts something. */
  readonly options: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
}

interface VolumeAnswer {
  readonly Name: string
  readonly Driver: string
  readonly Mountpoint?: string
  readonly Options?: Readonly<Record<string, string>> | null
  readonly Labels?: Readonly<Record<string, string>> | null
}

/** Undefined where there is none. */
export async function inspectVolume(
  engine: Engine,
  name: string,
  { signal }: CallOptions = {},
): Promise<VolumeInfo | undefined> {
  try {
    const path = `/volumes/${encodeURIComponent(name)}`
    return infoOf(await engine.call<VolumeAnswer>({ path, signal }))
  } catch (error) {
    if (isBallastError(error, 'NOT_FOUND')) return undefined
    throw error
  }
}

/** Of the local driver. One that is there already stays as it is. */
export async function createVolume(
  engine: Engine,
  { name, labels }: { readonly name: string; readonly labels: Readonly<Record<string, string>> },
  { signal }: CallOptions = {},
): Promise<VolumeInfo> {
  const json = { Name: name, Driver: 'local', Labels: labels }
  return infoOf(await engine.call<VolumeAnswer>({ method: 'POST', path: '/volumes/create', json, signal }))
}

function infoOf({ Name, Driver, Mountpoint, Options, Labels }: VolumeAnswer): VolumeInfo {
  return {
    name: Name,
    driver: Driver,
    mountpoint: Mountpoint ?? '',
    options: Options ?? {},
    labels: Labels ?? {},
  }
}
