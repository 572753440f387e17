import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { BallastError, isBallastError, listIfPresent, makeDirectory } from '../../core/index.ts'
import { blobsOfVersion, type Marker } from '../../model/index.ts'
import type { Session, Store } from '../../store/index.ts'
import { type DeliveredTree, readTree } from '../tree.ts'
import { bringUp, type FollowingVolume, faultsOfFollowing, keepUp } from './following-volume.ts'
import { bindReadOnly, detach, mountOverlay } from './kernel-mounts.ts'
import { allMounts, mountAt } from './mountinfo.ts'
import { parseVolumeOptions, type VolumeOptions } from './options.ts'
import { createJoined, createQueues, createSharedWrite } from './queue.ts'
import type { ModelSource } from './source.ts'
import { readVolumes, type Served, type Volume, writeVolumes } from './state.ts'
import { createTrees } from './trees.ts'

export interface VolumesOptions {
  readonly store: Store
  readonly source: ModelSource
  /** The plugin's own, on the store's file system. */
  readonly directory: string
  readonly log: (line: string) => void
  /** How many containers of the Engine have the volume, stopped ones too; undefined where no Engine answers. */
  readonly containersOf: (volume: string) => Promise<number | undefined>
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

/** Podman's one identifier for all volumes and containers (reference: libpod, volume_internal_linux.go): it counts itself. */
const PODMAN_ID = /^2f73349cfc4630255319c6c8dfc1b46a8996ace9d14d8e07563b165915918ec2$/

/** An Engine has no container with the volume, and no process either: what is left of its calls is over. */
const GONE_AFTER_MS = 10_000
/** Where only the kernel can be asked: longer than an Engine takes to start a container that has volumes of others too. */
const SILENT_AFTER_MS = 150_000

interface Prepared {
  /** `current`: what the volume's users have. `new`: what the next one is to get. `mended`: the same bytes, made anew. */
  readonly how: 'current' | 'new' | 'mended'
  readonly served: Served
}

/** Reads what was left by the process before, and brings the mounts up to it. Throws DAMAGED for an unreadable state. */
export async function openVolumes(options: VolumesOptions): Promise<Volumes> {
  const { store, source, directory, log, containersOf } = options
  await makeDirectory(directory, 0o711)
  const volumes = await readVolumes(directory)
  const trees = createTrees(store, join(directory, 'trees'), log)
  const inTurn = createQueues()
  const joined = createJoined<Prepared>()
  const save = createSharedWrite(() => writeVolumes(directory, volumes.values()))
  const sessions = new Map<string, Session>()
  const followers = new Map<string, AbortController>()

  const mountpointOf = ({ name }: Volume): string => join(directory, 'mounts', name)
  const writableOf = ({ name }: Volume): string => join(directory, 'writable', name)
  const following = ({ name, options: { ref } }: Volume): FollowingVolume => ({
    store,
    source,
    ref,
    target: join(directory, 'following', name),
  })

  function volumeOf(name: string): Volume {
    const volume = volumes.get(name)
    if (volume !== undefined) return volume
    throw new BallastError('NOT_FOUND', `there is no volume ${name}`, {
      hint: `docker volume create -d ballast -o ref=MODEL:TAG ${name}`,
    })
  }

  /** What is in use is not collected; one lease a volume. */
  async function hold(volume: Volume, session: Session | undefined): Promise<void> {
    const former = sessions.get(volume.name)
    if (session === undefined) sessions.delete(volume.name)
    else sessions.set(volume.name, session)
    if (former !== session) await former?.close()
  }

  async function lease(digests: Parameters<Session['lease']>[0]): Promise<Session> {
    const session = await store.beginReading()
    await session.lease(digests)
    return session
  }

  async function prepare(volume: Volume): Promise<Prepared> {
    const { served, users, options: wanted } = volume
    if (wanted.follow) return prepareFollowing(volume)
    if (served !== undefined && (users.size > 0 || wanted.rw)) {
      const faults = await trees.faults(served.tree)
      if (faults.length === 0) return { how: users.size > 0 ? 'current' : 'new', served }
      if (users.size > 0 && wanted.rw) throw damaged(volume, faults)
      return { how: 'mended', served: await makeAnew(volume, served.marker) }
    }
    const delivery = await source.resolve(wanted.ref)
    await using _ = await lease(blobsOfVersion(delivery.version))
    try {
      return { how: 'new', served: { tree: await trees.ensure(delivery), marker: delivery.marker } }
    } catch (error) {
      throw await source.explain(error, wanted.ref)
    }
  }

  async function prepareFollowing(volume: Volume): Promise<Prepared> {
    const { served, users } = volume
    if (users.size > 0 && served !== undefined && (await faultsOfFollowing(following(volume))).length === 0) {
      return { how: 'current', served }
    }
    const { marker, session } = await bringUp(following(volume), 'mount')
    await hold(volume, session)
    return { how: users.size > 0 ? 'current' : 'new', served: { tree: '', marker } }
  }

  /** The version that the volume has already, from the store. */
  async function makeAnew({ options: { ref } }: Volume, marker: Marker): Promise<Served> {
    try {
      const version = await store.readVersion(marker.digest)
      await using _ = await lease(blobsOfVersion(version))
      return { tree: await trees.ensure({ version, marker }), marker }
    } catch (error) {
      throw await source.explain(error, ref)
    }
  }

  function damaged({ name }: Volume, faults: readonly string[]): BallastError {
    return new BallastError(
      'DAMAGED',
      `the model of the volume ${name} was changed: ${faults.slice(0, 3).join('; ')}`,
      {
        hint: 'stop the containers that use it, then start them again',
      },
    )
  }

  /** What the next container finds at the mountpoint. Those that run have mounts of their own already. */
  async function place(volume: Volume, served: Served): Promise<void> {
    const target = mountpointOf(volume)
    if (volume.options.rw) {
      if ((await mountAt(target)) !== undefined) return
      const upper = join(writableOf(volume), 'upper')
      const work = join(writableOf(volume), 'work')
      await makeDirectory(join(directory, 'writable'), 0o700)
      for (const path of [upper, work]) await makeDirectory(path, 0o755)
      const name = volume.name
      const paths = {
        lower: `trees/${served.tree}`,
        upper: `writable/${name}/upper`,
        work: `writable/${name}/work`,
      }
      return mountOverlay({ ...paths, cwd: directory }, target)
    }
    await detach(target)
    await bindReadOnly(volume.options.follow ? following(volume).target : trees.path(served.tree), target)
  }

  async function commit(volume: Volume, prepared: Prepared, caller: Caller): Promise<string | undefined> {
    const { name } = volume
    if (volumes.get(name) !== volume) volumeOf(name)
    if (caller.isGone()) throw new BallastError('INTERRUPTED', `nobody waits for the volume ${name} any more`)
    const users = new Map(volume.users)
    if (PODMAN_ID.test(caller.id)) users.delete(caller.id)
    const isFirst = users.size === 0
    // Its last user has gone meanwhile, and what the tag means now has to be looked up.
    if (isFirst && prepared.how === 'current') return undefined
    const keeps = !isFirst && prepared.how !== 'mended' && volume.served !== undefined
    const served = keeps && volume.served !== undefined ? volume.served : prepared.served
    if (!keeps || (await mountAt(mountpointOf(volume))) === undefined) await place(volume, served)
    if (!sessions.has(name) || (!keeps && !volume.options.follow))
      await hold(volume, await leaseServed(served))
    const known = users.get(caller.id)
    users.set(caller.id, { count: (known?.count ?? 0) + 1, since: Date.now() })
    volume.users = users
    volume.served = served
    await save()
    follow(volume)
    return mountpointOf(volume)
  }

  async function leaseServed({ tree, marker }: Served): Promise<Session> {
    const read: DeliveredTree | undefined =
      tree === '' ? undefined : await readTree(trees.path(tree)).catch(() => undefined)
    const version = read?.version ?? (await store.readVersion(marker.digest).catch(() => undefined))
    return lease(version === undefined ? [marker.digest] : blobsOfVersion(version))
  }

  function follow(volume: Volume): void {
    if (!volume.options.follow || followers.has(volume.name)) return
    const { name } = volume
    const controller = new AbortController()
    followers.set(name, controller)
    void keepUp(following(volume), {
      signal: controller.signal,
      seen: volume.served?.marker.digest,
      async onSwap(marker, session) {
        await hold(volume, session)
        volume.served = { tree: '', marker }
        await save()
        log(`${name}: now ${marker.reference} is version ${marker.number} (${marker.digest})`)
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
    await detach(mountpointOf(volume))
    if (!volume.options.rw) await hold(volume, undefined)
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
      await hold(volume, await leaseServed(served))
    }
    const isMounted = (await mountAt(mountpointOf(volume))) !== undefined
    if (volume.users.size === 0) {
      await detach(mountpointOf(volume))
    } else if (served !== undefined && !isMounted) {
      await place(volume, served)
    }
    if (volume.users.size > 0) follow(volume)
  }

  async function reconcileVolume(volume: Volume): Promise<void> {
    const users = [...volume.users].filter(([id]) => !PODMAN_ID.test(id))
    if (users.length === 0) return
    const isUsed = await isMountedElsewhere(mountpointOf(volume))
    const containers = await containersOf(volume.name)
    const shares = [...volumes.values()].some(
      (other) => other !== volume && other.users.size > 0 && other.served?.tree === volume.served?.tree,
    )
    const isGone = containers === 0 && (!isUsed || (shares && !volume.options.rw && !volume.options.follow))
    if (isUsed && !isGone) return
    const after = isGone ? GONE_AFTER_MS : SILENT_AFTER_MS
    const left = new Map(volume.users)
    for (const [id, { since }] of users) if (Math.abs(Date.now() - since) > after) left.delete(id)
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
        await removeFiles(directory, name)
        const created = new Date().toISOString()
        volumes.set(name, { name, options: wanted, created, users: new Map(), served: undefined })
        await save()
      })
    },
    remove: (name) =>
      inTurn(name, async () => {
        const volume = volumeOf(name)
        if (volume.users.size > 0 && (await isMountedElsewhere(mountpointOf(volume)))) throw inUse(volume)
        volumes.delete(name)
        volume.users = new Map()
        await release(volume)
        await hold(volume, undefined)
        await removeFiles(directory, name)
      }),
    async mount(name, caller) {
      const volume = volumeOf(name)
      // It asks only where it has no container with the volume; a former call of which it never heard the end counts no more.
      if (PODMAN_ID.test(caller.id)) await inTurn(name, () => drop(volume, caller.id))
      for (;;) {
        const prepared = await within(
          caller.patienceMs,
          joined(name, () => prepare(volume)),
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
    get: (name) => statusOf(volumeOf(name), mountpointOf),
    list: () => [...volumes.values()].map((volume) => statusOf(volume, mountpointOf)),
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
      for (const session of sessions.values()) await session.close()
    },
  }
}

function statusOf(volume: Volume, mountpointOf: (volume: Volume) => string): VolumeStatus {
  const { name, created, options, users, served } = volume
  const count = [...users.values()].reduce((sum, user) => sum + user.count, 0)
  return {
    name,
    created,
    options,
    users: count,
    served: served?.marker,
    mountpoint: count > 0 ? mountpointOf(volume) : '',
  }
}

/** Docker's own rule (daemon/names); a name becomes a part of paths. */
function checkVolumeName(name: string): void {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/.test(name)) return
  throw new BallastError('USAGE', `${JSON.stringify(name)} cannot be the name of a volume`, {
    hint: 'letters, digits, `_`, `.` and `-`, the first a letter or a digit',
  })
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

/** The work goes on when the caller's time is up, so that the next call finds it done or waits for the rest. */
async function within<T>(
  patienceMs: number,
  work: Promise<T>,
  { name, options: { ref } }: Volume,
): Promise<T> {
  const timer = new AbortController()
  const late = sleep(patienceMs, undefined, { signal: timer.signal, ref: false }).then(() => {
    throw new BallastError('LOCKED', `${ref} is still being made ready for the volume ${name}`, {
      hint: 'the work goes on: start the container again in a moment',
      retryable: true,
    })
  })
  late.catch(() => undefined)
  try {
    return await Promise.race([work, late])
  } finally {
    timer.abort()
  }
}

/** Whether any process of the host has mounted what is mounted at the path, somewhere else. */
async function isMountedElsewhere(path: string): Promise<boolean> {
  const own = await mountAt(path)
  if (own === undefined) return false
  return (await allMounts()).some(
    ({ device, root, mountPoint }) => device === own.device && root === own.root && mountPoint !== path,
  )
}

async function removeFiles(directory: string, name: string): Promise<void> {
  for (const kind of ['writable', 'following']) {
    await rm(join(directory, kind, name), { recursive: true, force: true })
  }
}

/** For one line: what, and what to do. */
export function sentenceOf(error: unknown): string {
  if (!isBallastError(error)) return error instanceof Error ? error.message : String(error)
  return error.hint === undefined ? error.message : `${error.message}; ${error.hint}`
}
