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
  options: CallOptions = {},
): Promise<VolumeInfo | undefined> {
  const local = await findLocal(engine, name, options)
  if (local !== undefined) return local
  try {
    const path = `/volumes/${encodeURIComponent(name)}`
    return infoOf(await engine.call<VolumeAnswer>({ path, signal: options.signal }))
  } catch (error) {
    if (isBallastError(error, 'NOT_FOUND')) return undefined
    throw error
  }
}

/** The volume of that name, whatever its driver; one of the local driver is made where there is none. */
export async function ensureVolume(
  engine: Engine,
  { name, labels }: { readonly name: string; readonly labels: Readonly<Record<string, string>> },
  options: CallOptions = {},
): Promise<VolumeInfo> {
  const local = await findLocal(engine, name, options)
  if (local !== undefined) return local
  const json = { Name: name, Driver: 'local', Labels: labels }
  const { signal } = options
  try {
    return infoOf(await engine.call<VolumeAnswer>({ method: 'POST', path: '/volumes/create', json, signal }))
  } catch (error) {
    const taken = isBallastError(error, 'CONFLICT') ? await inspectVolume(engine, name, options) : undefined
    if (taken === undefined) throw error
    return taken
  }
}

/**
 * Asks for those of the local driver alone: to look up a name in all of them, an Engine waits a quarter of a minute for each
 * plugin that it has met and that is gone.
 */
async function findLocal(
  engine: Engine,
  name: string,
  { signal }: CallOptions,
): Promise<VolumeInfo | undefined> {
  const query = { filters: JSON.stringify({ driver: ['local'], name: [name] }) }
  const listed = await engine.call<{ readonly Volumes?: readonly VolumeAnswer[] | null }>({
    path: '/volumes',
    query,
    signal,
  })
  const found = listed.Volumes?.find((volume) => volume.Name === name && volume.Driver === 'local')
  return found && infoOf(found)
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
