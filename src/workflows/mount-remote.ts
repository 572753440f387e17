import { chmod, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import {
  BallastError,
  type CallOptions,
  isPresent,
  isSystemError,
  makeDirectory,
  withLock,
} from '../core/index.ts'
import { checkTree, inspectTarget } from '../mount/index.ts'
import { openStore, type Store } from '../store/index.ts'
import { admittedElsewhere } from './admitted-elsewhere.ts'
import type { Upstream } from './follow-upstream.ts'
import { type MountRequest, type MountResult, mount, mountFollowing } from './mount.ts'
import { versionName } from './version-name.ts'

export interface MountRemoteRequest extends Omit<MountRequest, 'ref' | 'link'> {
  /** Where the model comes from, and how it gets into a store. */
  readonly upstream: (store: Store) => Promise<Upstream>
  /** Whether the target becomes one that can follow. */
  readonly follow: boolean
  /** In PEM, of who alone may set policies of stages; none where anybody may. */
  readonly policyKeys?: readonly string[] | undefined
}

/**
 * From outside of this host into a directory in one step, where there is no store: what arrives is verified beside the target,
 * and becomes the target without a second copy. A call that was killed leaves `.<name>.ballast-store` there, with which the next
 * one goes on; in the end nothing but the target is left. Throws what the source throws, LOCKED while another process is at it,
 * REFUSED where the target is a mount point.
 */
export async function mountRemote(
  request: MountRemoteRequest,
  options: CallOptions = {},
): Promise<MountResult> {
  const started = performance.now()
  const target = resolve(request.target)
  await refuseMountPoint(target)
  const place = join(dirname(target), `.${basename(target)}.ballast-store`)
  const store = await openStore(place, { policyKeys: request.policyKeys ?? [] })
  const source = await request.upstream(store)
  const there = await source.look(options)
  // What a policy asks of it has to be looked at in its files.
  const isKnown = !request.follow && (await source.isGoverned?.(options)) !== true
  const known = isKnown ? await alreadyThere(target, there) : undefined
  if (known !== undefined && !(await isPresent(place))) return known
  await makeDirectory(place)
  return withLock(join(place, LOCK), { timeoutMs: 0, signal: options.signal }, async () => {
    const result = known ?? (await deliver(store, { ...request, target, source }, options))
    await giveAway(store)
    await rm(place, { recursive: true, force: true })
    return { ...result, ms: Math.round(performance.now() - started) }
  })
}

/** Hidden, so that the directory still counts as one for a store. */
const LOCK = '.lock'
/** As in any delivered tree. */
const FILE_MODE = 0o644

async function deliver(
  store: Store,
  {
    source,
    follow,
    upstream: _,
    policyKeys: __,
    ...request
  }: MountRemoteRequest & { readonly source: Upstream },
  options: CallOptions,
): Promise<MountResult> {
  const { ref, tag = ref } = await source.bring(options)
  const linked = { ...request, ref: tag, link: true }
  return (follow ? mountFollowing : mount)(admittedElsewhere(store), linked, options)
}

/** The target's files are the store's own, which are nobody else's once it has gone. */
async function giveAway({ blobs }: Store): Promise<void> {
  for (const { digest } of await blobs.list()) await chmod(blobs.path(digest), FILE_MODE)
}

/** A target that is this version already, whole, as for a container that is started again. */
async function alreadyThere(target: string, digest: string): Promise<MountResult | undefined> {
  const state = await inspectTarget(target)
  if (state.kind !== 'pinned' || state.tree.version.digest !== digest) return undefined
  const { version, marker } = state.tree
  if ((await checkTree(target, version)).faults.length > 0) return undefined
  return {
    ...{ target, path: '', mountAt: 'path', digest: version.digest },
    version: versionName(marker),
    ...{ how: 'unchanged', bytesCopied: 0, ms: 0, warnings: [] },
  }
}

/** What is beside a mount point is on another disk. */
async function refuseMountPoint(target: string): Promise<void> {
  const own = await stat(target).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return undefined
    throw error
  })
  if (own === undefined || own.dev === (await stat(dirname(target))).dev) return
  throw new BallastError('REFUSED', `${target} is a mount point, and nothing can be prepared beside it`, {
    hint: `name a directory below it (${join(target, 'model')}), or a store on the same disk with --store`,
  })
}
