import { join } from 'node:path'
import { BallastError, isBallastError, listIfPresent, makeDirectory } from '../../core/index.ts'
import { checkVolumeName, type Marker } from '../../model/index.ts'
import type { Store } from '../../store/index.ts'
import { type FollowingVolume, keepUp } from './following-volume.ts'
import { usersLeft } from './gone-users.ts'
import { createHolds } from './holds.ts'
import { detach } from './kernel-mounts.ts'
import { mountAt } from './mountinfo.ts'
import { parseVolumeOptions, type VolumeOptions } from './options.ts'
import { within } from './patience.ts'
import { isMountedElsewhere, type Places, placesIn } from './places.ts'
import { type Prepared, prepare } from './prepare.ts'
import type { Proving } from './proving.ts'
import { createJoined, createQueues, createSharedWrite } from './queue.ts'
import type { ModelSource } from './source.ts'
import { isPodman, readVolumes, type Volume, writeVolumes } from './state.ts'
import { createTrees } from './trees.ts'

export interface VolumesOptions {
  readonly store: Store
  readonly source: ModelSource
  /** The plugin's own, on the store's file system. */
  readonly directory: string
  readonly log: (line: string) => void
  /** How many containers of the Engine have the volume, stopped ones too; undefined where no Engine answers. */
  readonly containersOf: (volume: string) => Promise<number | undefined>
  /** For volumes that follow a tag. */
  readonly proving?: Proving | undefined
}

/** Who asks for a mount. */
export interface Caller {
  readonly id: string
  /** Nobody waits for the answer any more. */
  readonly isGone: () => boolean
  /** How long the caller waits, in milliseconds. */
  readonly patienceMs: number
}

/**
 * The volumes of one plugin. What is mounted is mounted by the kernel, and stays when this process ends; what is known of
 * it stands in a file. Calls for one volume are answered in turn.
 */
export interface Volumes {
  /** Again with the same options: nothing. Throws USAGE; CONFLICT for a volume of other options. */
  create(name: string, options: Readonly<Record<string, unknown>>): Promise<void>
  /** Throws CONFLICT while a container uses it. */
  remove(name: string): Promise<void>
  /** Where it is mounted on the host. Throws rather than answer with anything but a whole version. */
  mount(name: string, caller: Caller): Promise<string>
  /** An identifier that is not known has nothing mounted, which is what was asked for. */
  unmount(name: string, id: string): Promise<void>
  /** Throws NOT_FOUND. Asks nobody, and neither does `list`. */
  get(name: string): VolumeStatus
  list(): readonly VolumeStatus[]
  /** Forgets users that are gone for certain, and trees that nobody has any more. */
  reconcile(): Promise<void>
  /** Stops following. What is mounted stays. */
  close(): Promise<void>
}

export interface VolumeStatus {
  readonly name: string
  /** Empty while nobody uses it. */
  readonly mountpoint: string
  readonly created: string
  readonly options: VolumeOptions
  readonly users: number
  readonly served: Marker | undefined
}

/** Reads what was left by the process before, and brings the mounts up to it. Throws DAMAGED for an unreadable state. */
export async function openVolumes(options: VolumesOptions): Promise<Volumes> {
  const { store, source, directory, log, containersOf, proving } = options
  await makeDirectory(directory, 0o711)
  const volumes = await readVolumes(directory)
  const places = placesIn(directory)
  const trees = createTrees(store, places.trees, log)
  const holds = createHolds(store, trees)
  const inTurn = createQueues()
  const joined = createJoined<Prepared>()
  const save = createSharedWrite(() => writeVolumes(directory, volumes.values()))
  const followers = new Map<string, AbortController>()

  const following = ({ name, options: { ref } }: Volume): FollowingVolume => {
    return { name, store, source, ref, target: places.following(name) }
  }
  const preparer = { store, source, trees, holds, following }

  function volumeOf(name: string): Volume {
    const volume = volumes.get(name)
    if (volume !== undefined) return volume
    throw new BallastError('NOT_FOUND', `there is no volume ${name}`, {
      hint: `docker volume create -d ballast -o ref=MODEL:TAG ${name}`,
    })
  }

  async function commit(volume: Volume, prepared: Prepared, caller: Caller): Promise<string | undefined> {
    const { name } = volume
    if (volumes.get(name) !== volume) volumeOf(name)
    if (caller.isGone()) throw new BallastError('INTERRUPTED', `nobody waits for the volume ${name} any more`)
    const users = new Map(volume.users)
    if (isPodman(caller.id)) users.delete(caller.id)
    const isFirst = users.size === 0
    // Its last user has gone meanwhile, and what the tag means now has to be looked up.
    if (isFirst && prepared.how === 'current') return undefined
    const keeps = !isFirst && prepared.how !== 'mended' && volume.served !== undefined
    const served = keeps && volume.served !== undefined ? volume.served : prepared.served
    if (!keeps || (await mountAt(places.mountpoint(volume.name))) === undefined)
      await places.show(volume, served)
    if (!holds.has(name) || (!keeps && !volume.options.follow))
      await holds.hold(volume.name, await holds.lease(served))
    const known = users.get(caller.id)
    users.set(caller.id, { count: (known?.count ?? 0) + 1, since: Date.now() })
    volume.users = users
    volume.served = served
    await save()
    follow(volume)
    return places.mountpoint(volume.name)
  }

  function follow(volume: Volume): void {
    if (!volume.options.follow || followers.has(volume.name)) return
    const { name } = volume
    const controller = new AbortController()
    followers.set(name, controller)
    void keepUp(following(volume), {
      signal: controller.signal,
      seen: volume.served?.marker.digest,
      proving,
      async onSwap({ marker, session }) {
        await holds.hold(name, session)
        volume.served = { tree: '', marker }
        await save()
        log(`${name}: now ${marker.model}:${marker.number} (${marker.digest})`)
      },
      onTrouble: (error) => log(`${name}: ${sentenceOf(error)}`),
    }).catch((error: unknown) => {
      if (controller.signal.aborted) return
      log(`${name} is followed no more: ${error instanceof Error ? error.message : String(error)}`)
      followers.delete(name)
    })
  }

  function stopFollowing(name: string): void {
    followers.get(name)?.abort()
    followers.delete(name)
  }

  /** Nobody uses it any more. */
  async function release(volume: Volume): Promise<void> {
    stopFollowing(volume.name)
    await save()
    await detach(places.mountpoint(volume.name))
    if (!volume.options.rw) await holds.hold(volume.name, undefined)
  }

  async function drop(volume: Volume, id: string): Promise<void> {
    const users = new Map(volume.users)
    if (!users.delete(id)) return
    volume.users = users
    await (users.size === 0 ? release(volume) : save())
  }

  async function start(volume: Volume): Promise<void> {
    const { served } = volume
    if (served !== undefined && (volume.users.size > 0 || volume.options.rw)) {
      await holds.hold(volume.name, await holds.lease(served))
    }
    const isMounted = (await mountAt(places.mountpoint(volume.name))) !== undefined
    if (volume.users.size === 0) {
      await detach(places.mountpoint(volume.name))
    } else if (served !== undefined && !isMounted) {
      await places.show(volume, served)
    }
    if (volume.users.size > 0) follow(volume)
  }

  async function reconcileVolume(volume: Volume): Promise<void> {
    if ([...volume.users.keys()].every(isPodman)) return
    const others = [...volumes.values()].filter((other) => other !== volume && other.users.size > 0)
    const left = usersLeft(volume, {
      isMounted: await isMountedElsewhere(places.mountpoint(volume.name)),
      isShared: others.some(({ served }) => served?.tree === volume.served?.tree),
      containers: await containersOf(volume.name),
    })
    if (left.size === volume.users.size) return
    log(`${volume.name}: ${volume.users.size - left.size} of its containers ended without saying so`)
    volume.users = left
    await (left.size === 0 ? release(volume) : save())
  }

  for (const volume of volumes.values()) {
    // One that cannot be served must not keep Docker from the others.
    await start(volume).catch((error: unknown) => log(`${volume.name}: ${sentenceOf(error)}`))
  }
  for (const name of await listIfPresent(join(directory, 'mounts'))) {
    if (!volumes.has(name)) await detach(join(directory, 'mounts', name)).catch(() => undefined)
  }
  // What is left of a boot before, and of volumes whose removal was cut short.
  await save()

  return {
    async create(name, given) {
      checkVolumeName(name)
      const wanted = parseVolumeOptions(given)
      const { follows } = source.check(wanted.ref)
      if (wanted.follow && !follows) {
        throw new BallastError('USAGE', `${wanted.ref} never moves, so there is nothing to follow`, {
          hint: 'name a tag, or leave follow=true out',
        })
      }
      await inTurn(name, async () => {
        const known = volumes.get(name)
        if (known !== undefined) return refuseOther(known, wanted)
        await source.resolve(wanted.ref).catch((error: unknown) => {
          log(`warning: the volume ${name} cannot be mounted yet: ${sentenceOf(error)}`)
        })
        // Of a volume of this name whose removal was cut short.
        await places.clear(name)
        const created = new Date().toISOString()
        volumes.set(name, { name, options: wanted, created, users: new Map(), served: undefined })
        await save()
      })
    },
    remove: (name) =>
      inTurn(name, async () => {
        const volume = volumeOf(name)
        if (volume.users.size > 0 && (await isMountedElsewhere(places.mountpoint(volume.name))))
          throw inUse(volume)
        volumes.delete(name)
        volume.users = new Map()
        await release(volume)
        await holds.hold(volume.name, undefined)
        await places.clear(name)
      }),
    async mount(name, caller) {
      const volume = volumeOf(name)
      // It asks only where it has no container with the volume; a former call of which it never heard the end counts no more.
      if (isPodman(caller.id)) await inTurn(name, () => drop(volume, caller.id))
      for (;;) {
        const prepared = await within(
          caller.patienceMs,
          joined(name, () => prepare(preparer, volume)),
          volume,
        )
        const mountpoint = await inTurn(name, () => commit(volume, prepared, caller))
        if (mountpoint !== undefined) return mountpoint
      }
    },
    unmount: (name, id) =>
      inTurn(name, async () => {
        const volume = volumes.get(name)
        const user = volume?.users.get(id)
        if (volume === undefined || user === undefined) return
        if (user.count === 1) return drop(volume, id)
        volume.users = new Map(volume.users).set(id, { ...user, count: user.count - 1 })
        await save()
      }),
    get: (name) => statusOf(volumeOf(name), places),
    list: () => [...volumes.values()].map((volume) => statusOf(volume, places)),
    async reconcile() {
      for (const volume of volumes.values()) await inTurn(volume.name, () => reconcileVolume(volume))
      const wanted = new Set<string>()
      for (const {
        served,
        users,
        options: { rw },
      } of volumes.values()) {
        // What was removed from the store is not to stay on the disk for the sake of a volume that nobody uses.
        const stays =
          rw || users.size > 0 || (served && (await store.blobs.stat(served.marker.digest)) !== undefined)
        if (stays && served) wanted.add(served.tree)
      }
      await trees.removeExcept(wanted)
    },
    async close() {
      for (const name of followers.keys()) stopFollowing(name)
      await save()
      await holds.close()
    },
  }
}

function statusOf(volume: Volume, places: Places): VolumeStatus {
  const { name, created, options, users, served } = volume
  const count = [...users.values()].reduce((sum, user) => sum + user.count, 0)
  return {
    name,
    created,
    options,
    users: count,
    served: served?.marker,
    mountpoint: count > 0 ? places.mountpoint(name) : '',
  }
}

function refuseOther({ name, options }: Volume, wanted: VolumeOptions): void {
  const isSame = options.ref === wanted.ref && options.follow === wanted.follow && options.rw === wanted.rw
  if (isSame) return
  throw new BallastError(
    'CONFLICT',
    `there is a volume ${name} with other options already (ref=${options.ref})`,
    {
      hint: `choose another name, or remove it first: docker volume rm ${name}`,
    },
  )
}

function inUse({ name, users }: Volume): BallastError {
  return new BallastError('CONFLICT', `the volume ${name} is used by ${users.size} containers`, {
    hint: `docker ps -a --filter volume=${name} lists them; remove them first`,
  })
}

/** For one line: what, and what to do. */
export function sentenceOf(error: unknown): string {
  if (!isBallastError(error)) return error instanceof Error ? error.message : String(error)
  return error.hint === undefined ? error.message : `${error.message}; ${error.hint}`
}
