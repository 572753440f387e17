import { BallastError } from '../core/index.ts'
import { isRemote, parseOperand, type ServerLayout } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { admittedElsewhere } from '../workflows/admitted-elsewhere.ts'
import type { Upstream } from '../workflows/follow-upstream.ts'
import type { MountResult } from '../workflows/mount.ts'
import { imageAccess } from './image-access.ts'
import { LINK_WARNING } from './mount-verbs.ts'
import type { RegistryOptions } from './registry-options.ts'
import type { Session } from './session.ts'

export interface ElsewhereWanted {
  /** Of a registry, a bucket, a layout, an archive or a source. */
  readonly ref: string
  readonly target: string
  readonly follow: boolean
  /** Hard links to the store, where there is one. */
  readonly link: boolean | undefined
  readonly replace: boolean | undefined
  readonly as: string | undefined
  readonly layout: ServerLayout | undefined
  /** How many former versions stay. */
  readonly keep: number | undefined
  readonly registry: RegistryOptions
}

/** Whether a reference is to a model outside of the store. */
export function isElsewhere(ref: string): boolean {
  return isRemote(ref) || parseOperand(ref).kind === 'source'
}

/** Through the store, where there is one or one was named; else straight into the target. */
export async function mountElsewhere(
  session: Session,
  { ref, target, follow, link, keep, registry, ...how }: ElsewhereWanted,
): Promise<MountResult> {
  if (parseOperand(target).kind === 'volume') {
    throw new BallastError('USAGE', 'what is elsewhere is mounted into directories', {
      hint: `bring it into the store first: ballast pull ${ref}; then ballast mount REF ${target}`,
    })
  }
  const upstream = (store: Store): Promise<Upstream> => openUpstream(session, store, { ref, registry })
  const calls = { signal: session.signal, onProgress: session.onProgress }
  const store = await session.storeIfAny()
  const { GRACE_MS, mount, mountFollowing } = await import('../workflows/mount.ts')
  const retention = { graceMs: GRACE_MS, keep }
  if (store === undefined) {
    const { mountRemote } = await import('../workflows/mount-remote.ts')
    const policyKeys = await session.policyKeys()
    return mountRemote({ ...how, retention, target, follow, upstream, policyKeys }, calls)
  }
  const brought = await (await upstream(store)).bring(calls)
  const request = { ...how, retention, link, target, ref: brought.tag ?? brought.ref }
  const result = await (follow ? mountFollowing : mount)(
    isRemote(ref) ? admittedElsewhere(store) : store,
    request,
    calls,
  )
  if (link === true && result.bytesCopied === 0) session.note(LINK_WARNING)
  return result
}

async function openUpstream(
  { io }: Session,
  store: Store,
  { ref, registry }: Pick<ElsewhereWanted, 'ref' | 'registry'>,
): Promise<Upstream> {
  if (isRemote(ref)) {
    const { remoteUpstream } = await import('../workflows/remote-upstream.ts')
    return remoteUpstream(store, { from: ref, access: imageAccess(io, registry) })
  }
  const { sourceUpstream } = await import('../workflows/source-upstream.ts')
  const { sourceAccess } = await import('./source-access.ts')
  return sourceUpstream(store, { ref: nameFrom(ref), from: ref, access: sourceAccess(io) })
}

/** What a model is called that has no name where it is: as the last part of its address. */
function nameFrom(address: string): string {
  const [path = ''] = address.replace(/^[a-z]+:\/\//, '').split(/[?#]/)
  const last =
    path
      .split('@')[0]
      ?.split('/')
      .findLast((part) => part !== '') ?? ''
  const name = last
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
  return name === '' ? 'model' : name
}
