import type { CallOptions } from '../core/index.ts'
import type { EngineChoice } from '../docker/index.ts'
import { withFollower } from '../mount/index.ts'
import type { Store } from '../store/index.ts'
import { withEngine } from './engine-access.ts'
import { linkOf, type MountResult, resolveFollowed } from './mount.ts'
import { keepUpReloading, type ReloadEvents, type Reloading, reloadOnce } from './mount-reload.ts'
import { placeHere, placeInVolume } from './mount-reload-place.ts'
import type { ReloadTask } from './mount-reload-told.ts'
import { deliverInto, type MountVolumeRequest } from './mount-volume.ts'
import { openVolume } from './volume-place.ts'

type EngineOptions = CallOptions & { readonly engine: EngineChoice }

/** As `followVolume`, and the applications are told of each version and have to take it. */
export async function followVolumeReloading(
  store: Store,
  request: MountVolumeRequest & { readonly task: ReloadTask },
  { engine, ...events }: EngineOptions & ReloadEvents,
): Promise<void> {
  const reloading = await reloadingOf(store, request, { ...events, engine })
  await keepUpReloading(store, reloading, events)
}

/** As `mountVolumeFollowing`. Throws REFUSED where the applications have not taken the version. */
export async function mountVolumeReloading(
  store: Store,
  request: MountVolumeRequest & { readonly task: ReloadTask },
  { engine, ...events }: EngineOptions & Pick<ReloadEvents, 'onJudged'>,
): Promise<MountResult> {
  return reloadOnce(store, await reloadingOf(store, request, { ...events, engine }), events)
}

async function reloadingOf(
  store: Store,
  { task, ...request }: MountVolumeRequest & { readonly task: ReloadTask },
  { engine, ...options }: EngineOptions,
): Promise<Reloading> {
  const { volume, link = false } = request
  const reference = await resolveFollowed(store, request.ref)
  const name = linkOf(request, reference)
  const { directory } = await withEngine(engine, (opened) =>
    openVolume(opened, { name: volume, use: 'write', model: reference.name }, options),
  )
  return {
    reference,
    task,
    place:
      directory === undefined
        ? placeInVolume(store, { volume, name }, { ...options, engine })
        : placeHere(store, { directory, volume, name, link }, options),
    // Where only containers get at the volume nobody can hold a lock in it, as with `followVolume`.
    asFollower: (work) =>
      directory === undefined ? work() : withFollower(directory, { name, signal: options.signal }, work),
    deliver: (by) =>
      deliverInto(
        store,
        { ...request, layout: request.layout ?? 'link', by, proof: 'pending' },
        { ...options, engine },
      ),
  }
}
