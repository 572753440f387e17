import { resolve, sep } from 'node:path'
import {
  type Admit,
  BallastError,
  type CallOptions,
  type Digest,
  isBallastError,
  untilStopped,
} from '../core/index.ts'
import {
  formatReference,
  incompleteShards,
  lastPart,
  type Marker,
  numberOfTag,
  type Reference,
  type ServerLayout,
  totalSize,
} from '../model/index.ts'
import {
  type Delivery,
  deliverFollowing,
  deliverPinned,
  type FollowingOptions,
  linkOfLayout,
  type Retention,
  withFollower,
} from '../mount/index.ts'
import { leaseVersion, type Store } from '../store/index.ts'
import { recordUse, type UsePlace } from './record-use.ts'
import {
  parseModelReference,
  type ResolvedVersion,
  resolveDigest,
  resolveVersion,
  withMending,
} from './resolve.ts'
import { rememberTime } from './run-times.ts'
import { resolvedName } from './version-name.ts'

export interface MountRequest {
  readonly ref: string
  readonly target: string
  readonly link?: boolean | undefined
  readonly replace?: boolean | undefined
  /** The name of the link in a following target; the last part of the model's name by default. In a hub cache that of the repository. */
  readonly as?: string | undefined
  /** For a model server, in place of the files themselves. */
  readonly layout?: ServerLayout | undefined
  /** Of a following target: whether what was linked is read before the swap. False by default. */
  readonly readAhead?: boolean | undefined
  /** Of a following target: which former versions stay, and are shown by a layout; by default the one before, and others for a minute. */
  readonly retention?: Retention | undefined
  /** Asked before files are copied into a directory. */
  readonly admit?: Admit | undefined
}

export interface MountResult {
  /** A directory's absolute path, or `volume:NAME`. */
  readonly target: string
  readonly version: string
  readonly digest: Digest
  readonly how: 'delivered' | 'adopted' | 'unchanged'
  /** Where the version's directory is, below the target; empty when it is the target itself. */
  readonly path: string
  /** Where a container mounts the target: at the application's path, or at its parent, where a link leads on. */
  readonly mountAt: 'path' | 'parent'
  readonly bytesCopied: number
  readonly ms: number
  readonly warnings: readonly string[]
}

/** How long a version that was replaced stays for those who are still opening its files. */
export const GRACE_MS = 60_000

/**
 * Makes the directory the tree of one version, or with a layout what a model server finds of it. Throws CONFLICT when something
 * else is there.
 */
export async function mount(
  store: Store,
  request: MountRequest,
  options: CallOptions = {},
): Promise<MountResult> {
  if (request.layout !== undefined) return mountFollowing(store, { ...request, pinned: true }, options)
  if (request.as !== undefined) {
    throw new BallastError('USAGE', '--as names the link of a following target', {
      hint: 'add --follow, or leave it out',
    })
  }
  const target = resolve(request.target)
  return withDelivery(store, request, async (resolved, delivery) => {
    const { link = false, replace = false, admit } = request
    const settings = { ...options, link, replace, admit }
    const delivered = await deliverPinned(store, { target, delivery }, settings)
    return { ...pinnedAt(target, resolved), ...delivered, use: { kind: 'target', place: target } }
  })
}

/** What is told of a target that is the version itself. */
export function pinnedAt(
  target: string,
  resolved: ResolvedVersion,
): Pick<MountResult, 'target' | 'version' | 'digest' | 'path' | 'mountAt'> {
  const { digest } = resolved.version
  return { target, version: resolvedName(resolved), digest, path: '', mountAt: 'path' }
}

/** Brings a following target to the version that the tag points to now. */
export async function mountFollowing(
  store: Store,
  request: MountRequest & Pick<FollowingOptions, 'pinned' | 'proof'> & { readonly by?: string },
  options: CallOptions = {},
): Promise<MountResult> {
  const target = resolve(request.target)
  return withDelivery(store, request, async (resolved, delivery) => {
    const name = linkOf(request, resolved.reference)
    const { link = false, by = 'mount', retention = { graceMs: GRACE_MS } } = request
    const { layout, pinned = false, replace = false, readAhead, proof, admit } = request
    const move = { by, layout, pinned, replace, proof }
    const settings = { ...options, ...move, link, readAhead, admit, ...retention }
    const { files, ...swapped } = await deliverFollowing(store, { target, name, delivery }, settings)
    const mountAt = files.length > 0 ? 'path' : 'parent'
    const use = { kind: 'target', place: target, link: name } as const
    return {
      target,
      version: resolvedName(resolved),
      digest: resolved.version.digest,
      mountAt,
      ...swapped,
      use,
    }
  })
}

/** The link of a target that leads to the model. Throws USAGE for one that the layout cannot have. */
export function linkOf(
  { layout, as }: Pick<MountRequest, 'layout' | 'as'>,
  { name }: Pick<Reference, 'name'>,
): string {
  return layout === undefined ? (as ?? lastPart(name)) : linkOfLayout(layout, { model: name, as })
}

export interface FollowEvents {
  readonly onSwap: (result: MountResult) => void
  /** What keeps the target on its former version for now; it is tried again, and told once. */
  readonly onTrouble: (error: BallastError) => void
  /** After each look at the tag, with what kept the target from being brought up to it. */
  readonly onTurn?: ((error: BallastError | undefined) => void) | undefined
  /** `USUAL_PACE` by default. */
  readonly pace?: Pace | undefined
}

/** How long to wait before the tag is looked at again, in milliseconds. */
export interface Pace {
  readonly pauseMs: number
  /** After so many failures in a row. */
  readonly troubleMs: (failures: number) => number
}

export const USUAL_PACE: Pace = { pauseMs: 200, troubleMs: () => 2000 }

/**
 * Delivers, and then again each time the tag moves, until the signal is aborted. Only a move of the tag makes it
 * swap, so a target that was rolled back by hand stays where it is until then.
 */
export async function follow(
  store: Store,
  request: MountRequest,
  events: CallOptions & FollowEvents,
): Promise<void> {
  const { signal, onProgress } = events
  const reference = await resolveFollowed(store, request.ref)
  const name = linkOf(request, reference)
  const deliver = (by: string): Promise<MountResult> =>
    mountFollowing(store, { ...request, by }, { signal, onProgress })
  await withFollower(resolve(request.target), { name, signal }, () =>
    keepUp(store, { reference, deliver }, events),
  ).catch(unlessInterrupted)
}

/** Throws USAGE for what never moves, NOT_FOUND. */
export async function resolveFollowed(store: Store, ref: string): Promise<Reference> {
  const reference = parseModelReference(ref)
  if (reference.tag === undefined || numberOfTag(reference.tag) !== undefined) {
    throw new BallastError('USAGE', `${ref} never moves, so there is nothing to follow`, {
      hint: 'name a tag, or leave --follow out',
    })
  }
  await resolveDigest(store, reference)
  return reference
}

/** To be stopped is how following ends. */
export function unlessInterrupted(error: unknown): void {
  if (!isBallastError(error, 'INTERRUPTED')) throw error
}

export interface Followed {
  readonly reference: Reference
  /** Brings the target to what the tag points to now; `by` is for its history. */
  readonly deliver: (by: string) => Promise<MountResult>
}

export async function keepUp(
  store: Store,
  { reference, deliver }: Followed,
  { signal, onSwap, onTrouble, onTurn, pace = USUAL_PACE }: CallOptions & FollowEvents,
): Promise<void> {
  const first = await deliver('mount')
  onSwap(first)
  onTurn?.(undefined)
  let seen: Digest | undefined = first.digest
  const turn = async (): Promise<void> => {
    const digest = await store.records.resolve(reference)
    if (digest === undefined) throw tagGone(formatReference(reference))
    if (digest === seen) return
    const result = await deliver('follow')
    if (result.how !== 'unchanged') onSwap(result)
    seen = result.digest
  }
  await untilStopped(turn, {
    signal,
    pauseMs: () => pace.pauseMs,
    troubleMs: pace.troubleMs,
    onTrouble,
    onTurn,
  })
}

export interface DeliveredUse extends Omit<MountResult, 'ms'> {
  /** Who has the version now. */
  readonly use: UsePlace
}

/**
 * Keeps the version's blobs for as long as it is delivered, and notes then who has it. `target` is a directory of this host,
 * where it is one.
 */
export async function withDelivery(
  store: Store,
  { ref, target, link }: Pick<MountRequest, 'ref' | 'link'> & { readonly target?: string },
  deliver: (resolved: ResolvedVersion, delivery: Delivery) => Promise<DeliveredUse>,
): Promise<MountResult> {
  const started = performance.now()
  if (
    target !== undefined &&
    (isInside(resolve(target), store.root) || isInside(store.root, resolve(target)))
  ) {
    throw new BallastError('REFUSED', `${target} and the store ${store.root} lie in each other`, {
      hint: 'name a directory outside of the store',
    })
  }
  const resolved = await resolveVersion(store, ref)
  await using session = await store.beginReading()
  const { version, number, reference } = resolved
  await leaseVersion(store, session, { version, name: formatReference(reference) })
  const marker: Marker = {
    model: reference.name,
    digest: version.digest,
    number,
    reference: formatReference(reference),
  }
  try {
    const { use, ...result } = await deliver(resolved, { version, marker })
    const noted = await recordUse(store, resolved, use)
    const ms = performance.now() - started
    // Through an Engine it takes longer, and not by the disk. Where blocks are shared nothing is copied, in no time.
    if (target !== undefined && link !== true && result.how === 'delivered') {
      await rememberTime(store, { step: 'deliver', bytes: totalSize(version.files), seconds: ms / 1000 })
    }
    const shards = incompleteShards(version.files.map(({ path }) => path))
    return { ...result, warnings: [...result.warnings, ...noted, ...shards], ms: Math.round(ms) }
  } catch (error) {
    if (!isBallastError(error, 'NOT_FOUND') && !isBallastError(error, 'DAMAGED')) throw error
    if (!session.writable && isBallastError(error, 'NOT_FOUND')) throw goneMeanwhile(store, reference, error)
    throw await withMending(store, error, reference)
  }
}

/** Nothing can be leased on a store that this user cannot write to. */
function goneMeanwhile(store: Store, reference: Reference, cause: BallastError): BallastError {
  return new BallastError('NOT_FOUND', `${formatReference(reference)}: ${cause.message}`, {
    cause,
    hint: `this user cannot write to ${store.root}, and so cannot keep its files from a gc: run the command again, and \`ballast verify\` if it fails again`,
    retryable: true,
  })
}

function isInside(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}${sep}`)
}

export function tagGone(reference: string): BallastError {
  return new BallastError('NOT_FOUND', `${reference} was removed; the target keeps its version`, {
    hint: 'it is followed again as soon as the tag is back',
  })
}
