import { BallastError, type CallOptions, isBallastError } from '../core/index.ts'
import { type Engine, type EngineChoice, withVolumeHelper } from '../docker/index.ts'
import { isServerLayout, type ServerLayout } from '../model/index.ts'
import {
  type Delivery,
  deliverByHelper,
  deliverFollowing,
  type FollowingOptions,
  type Layout,
  type Retention,
  type Swapped,
  whyNotLinked,
  withFollower,
} from '../mount/index.ts'
import type { Store } from '../store/index.ts'
import { withEngine } from './engine-access.ts'
import {
  type FollowEvents,
  GRACE_MS,
  keepUp,
  linkOf,
  type MountResult,
  resolveFollowed,
  unlessInterrupted,
  withDelivery,
} from './mount.ts'
import { resolvedName } from './version-name.ts'
import { openVolume } from './volume-place.ts'

export interface MountVolumeRequest {
  readonly ref: string
  /** A named volume of the `local` driver; made when it is not there. */
  readonly volume: string
  /** The link; the last part of the model's name by default. */
  readonly as?: string | undefined
  readonly link?: boolean | undefined
  readonly replace?: boolean | undefined
  /** As of a directory. */
  readonly readAhead?: boolean | undefined
  readonly retention?: Retention | undefined
  /** As of a directory; of volumes on this host. */
  readonly layout?: ServerLayout | undefined
}

type EngineOptions = CallOptions & { readonly engine: EngineChoice }

/**
 * Delivers one version into a named volume, its entries at the root, where it stays until another is put in its place.
 * Containers have the volume's root itself mounted, so that is never replaced: design, "Volumes".
 */
export function mountVolume(
  store: Store,
  request: MountVolumeRequest,
  options: EngineOptions,
): Promise<MountResult> {
  return deliverInto(
    store,
    { ...request, layout: request.layout ?? 'flat', pinned: request.layout !== undefined, by: 'mount' },
    options,
  )
}

/** Brings a following volume to the version that the tag points to now. */
export function mountVolumeFollowing(
  store: Store,
  request: MountVolumeRequest,
  options: EngineOptions,
): Promise<MountResult> {
  return deliverInto(store, { ...request, layout: request.layout ?? 'link', by: 'mount' }, options)
}

/** Puts a former version back, in the shape that the volume has (a rollback). Its link goes on following what it followed. */
export function mountFormer(
  store: Store,
  request: Omit<MountVolumeRequest, 'layout'> & Pick<Into, 'layout'>,
  options: EngineOptions,
): Promise<MountResult> {
  return deliverInto(store, { ...request, by: 'rollback' }, options)
}

/** Delivers, and then again each time the tag moves, until the signal is aborted. */
export async function followVolume(
  store: Store,
  request: MountVolumeRequest,
  { engine, ...events }: EngineOptions & FollowEvents,
): Promise<void> {
  const options = { signal: events.signal, onProgress: events.onProgress }
  const reference = await resolveFollowed(store, request.ref)
  const name = linkOf(request, reference)
  const deliver = (by: string): Promise<MountResult> =>
    deliverInto(store, { ...request, layout: request.layout ?? 'link', by }, { ...options, engine })
  const work = (): Promise<void> => keepUp(store, { reference, deliver }, events)
  const volume = await withEngine(engine, (opened) =>
    openVolume(opened, { name: request.volume, use: 'write', model: reference.name }, options),
  )
  // Where only containers get at the volume nobody can hold a lock in it; whoever comes second finds another link than
  // it has read, and reads again.
  const followed =
    volume.directory === undefined
      ? work()
      : withFollower(volume.directory, { name, signal: options.signal }, work)
  await followed.catch(unlessInterrupted)
}

interface Into extends Omit<MountVolumeRequest, 'layout'>, Pick<FollowingOptions, 'pinned' | 'proof'> {
  readonly layout: Layout
  readonly by: string
}

/** In either layout; `by` is for the history. */
export function deliverInto(
  store: Store,
  {
    ref,
    volume,
    as,
    link = false,
    replace = false,
    layout,
    pinned = false,
    by,
    readAhead,
    proof,
    retention,
  }: Into,
  { engine: choice, ...options }: EngineOptions,
): Promise<MountResult> {
  return withDelivery(store, { ref }, (resolved, delivery) =>
    withEngine(choice, async (engine) => {
      const model = resolved.reference.name
      if (layout === 'flat') await refuseExternalData(store, { delivery, volume, ref })
      const name = linkOf({ layout: isServerLayout(layout) ? layout : undefined, as }, resolved.reference)
      const { directory } = await openVolume(engine, { name: volume, use: 'write', model }, options)
      const settings = {
        ...options,
        link,
        replace,
        layout,
        pinned,
        by,
        readAhead,
        proof,
        ...(retention ?? { graceMs: GRACE_MS }),
      }
      const place = { volume, directory, name }
      const { files, path, ...swapped } = await swap(store, { engine, place, delivery }, settings)
      const isFlat = layout === 'flat'
      return {
        target: `volume:${volume}`,
        version: resolvedName(resolved),
        digest: resolved.version.digest,
        path: isFlat ? '' : path,
        mountAt: isFlat || files.length > 0 ? 'path' : 'parent',
        ...swapped,
        use: { kind: 'volume', place: volume, link: name, directory },
      }
    }),
  )
}

interface Swap {
  readonly engine: Engine
  readonly place: { readonly volume: string; readonly directory: string | undefined; readonly name: string }
  readonly delivery: Delivery
}

async function swap(
  store: Store,
  { engine, place: { volume, directory, name }, delivery }: Swap,
  options: FollowingOptions,
): Promise<Swapped> {
  try {
    if (directory !== undefined) {
      return await deliverFollowing(store, { target: directory, name, delivery }, options)
    }
    if (options.link) throw linksByHelper(volume)
    return await withVolumeHelper(engine, { volume, signal: options.signal }, (helper) =>
      deliverByHelper(store, { helper, volume, name, delivery }, options),
    )
  } catch (error) {
    throw isBallastError(error, 'CONFLICT') && /is not empty/.test(error.message)
      ? filledVolume(volume, error)
      : error
  }
}

/** What is at a volume's root are links to files, through which ONNX does not load external data; a link to a directory is all right. */
async function refuseExternalData(
  store: Store,
  { delivery, volume, ref }: { readonly delivery: Delivery; readonly volume: string; readonly ref: string },
): Promise<void> {
  if ((await whyNotLinked(store, delivery.version)) === undefined) return
  throw new BallastError(
    'REFUSED',
    `the model is ONNX with external data, which is not loaded through links, as a volume has them at its root`,
    {
      hint: `use the link to its directory, and mount the volume at the parent of the application's path: ballast mount ${ref} volume:${volume} --follow --once`,
    },
  )
}

function linksByHelper(volume: string): BallastError {
  return new BallastError(
    'REFUSED',
    `the volume ${volume} cannot be reached from here, so nothing in it can be a link to the store`,
    { hint: 'leave --link out' },
  )
}

/** An empty volume is filled with what the image has at the path where it is first mounted. */
function filledVolume(volume: string, cause: BallastError): BallastError {
  return new BallastError(
    'CONFLICT',
    `the volume ${volume} is not empty: a container wrote into it, or Docker filled it from an image when it was first used`,
    {
      cause,
      hint: `nothing was changed; keep what is in it (ballast capture volume:${volume} NAME) or remove it (docker volume rm ${volume}), and mount before a container uses it`,
    },
  )
}
