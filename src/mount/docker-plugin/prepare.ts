import { BallastError } from '../../core/index.ts'
import { blobsOfVersion, type Marker, type Version } from '../../model/index.ts'
import type { Store } from '../../store/index.ts'
import { bringUp, type FollowingVolume, faultsOfFollowing } from './following-volume.ts'
import type { Holds } from './holds.ts'
import type { ModelSource } from './source.ts'
import type { Served, Volume } from './state.ts'
import type { Trees } from './trees.ts'

export interface Prepared {
  /** `current`: what the volume's users have. `new`: what the next one is to get. `mended`: the same bytes, made anew. */
  readonly how: 'current' | 'new' | 'mended'
  readonly served: Served
}

export interface Preparer {
  readonly store: Store
  readonly source: ModelSource
  readonly trees: Trees
  readonly holds: Holds
  readonly following: (volume: Volume) => FollowingVolume
}

/** Makes ready what the volume's next user gets. Throws NOT_FOUND, DAMAGED: nothing but a whole version is served. */
export async function prepare(preparer: Preparer, volume: Volume): Promise<Prepared> {
  const { trees, source } = preparer
  const { served, users, options: wanted } = volume
  if (wanted.follow) return prepareFollowing(preparer, volume)
  if (served !== undefined && (users.size > 0 || wanted.rw)) {
    const faults = await trees.faults(served.tree)
    if (faults.length === 0) return { how: users.size > 0 ? 'current' : 'new', served }
    if (users.size > 0 && wanted.rw) throw damaged(volume, faults)
    return { how: 'mended', served: await makeAnew(preparer, { ref: wanted.ref, marker: served.marker }) }
  }
  const { version, marker } = await source.resolve(wanted.ref)
  return { how: 'new', served: await ensure(preparer, { ref: wanted.ref, version, marker }) }
}

async function prepareFollowing({ following, holds }: Preparer, volume: Volume): Promise<Prepared> {
  const { name, served, users } = volume
  if (users.size > 0 && served !== undefined && (await faultsOfFollowing(following(volume))).length === 0) {
    return { how: 'current', served }
  }
  const { marker, session } = await bringUp(following(volume), { by: 'mount' })
  await holds.hold(name, session)
  return { how: users.size > 0 ? 'current' : 'new', served: { tree: '', marker } }
}

/** The version that the volume has already, from the store. */
async function makeAnew(
  preparer: Preparer,
  { ref, marker }: { readonly ref: string; readonly marker: Marker },
): Promise<Served> {
  const { store, source } = preparer
  const version = await store.readVersion(marker.digest).catch(async (error: unknown) => {
    throw await source.explain(error, ref)
  })
  return ensure(preparer, { ref, version, marker })
}

async function ensure(
  { store, source, trees }: Preparer,
  { ref, version, marker }: { readonly ref: string; readonly version: Version; readonly marker: Marker },
): Promise<Served> {
  await using session = await store.beginReading()
  await session.lease(blobsOfVersion(version))
  try {
    return { tree: await trees.ensure({ version, marker }), marker }
  } catch (error) {
    throw await source.explain(error, ref)
  }
}

function damaged({ name }: Volume, faults: readonly string[]): BallastError {
  const what = faults.slice(0, 3).join('; ')
  return new BallastError('DAMAGED', `the model of the volume ${name} was changed: ${what}`, {
    hint: 'stop the containers that use it, then start them again',
  })
}
