import { chmod, mkdir, readdir, realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import {
  BallastError,
  isBallastError,
  isSystemError,
  makeDirectory,
  readIfPresent,
  syncDirectory,
  writeFileDurably,
} from '../core/index.ts'
import { decodeMarker, encodeMarker, type Marker } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import type { Delivered, DeliverOptions, Delivery } from './delivery.ts'
import { mountOverlay } from './docker-plugin/kernel-mounts.ts'
import { mountAt } from './docker-plugin/mountinfo.ts'
import { createIncoming, removeAbandoned } from './incoming.ts'
import { DIRECTORY_MODE } from './names.ts'
import { inspectTarget } from './target.ts'
import { writeTree } from './tree.ts'

/** A directory with a layer of its own over a version: what is written to it reaches neither the version nor the store. */
export interface WritableMount {
  /** Without links. */
  readonly target: string
  /** Where the version, and what was written over it, are. */
  readonly side: string
  readonly marker: Marker
  readonly isMounted: boolean
}

/** Beside the target, for root alone: `lower` is the version, `upper` and `work` are the overlay's. */
const LOWER = 'lower'
export const UPPER = 'upper'
const WORK = 'work'
const RECORD = 'mount.json'
const SIDE_MODE = 0o700

/** Undefined where there is none; one that is not mounted (any more) keeps what was written. Throws DAMAGED. */
export async function readWritable(directory: string): Promise<WritableMount | undefined> {
  const target = await withoutLinks(directory)
  const side = sideOf(target)
  const bytes = await readIfPresent(join(side, RECORD)).catch((error: unknown) => {
    // It is for root alone.
    if (isSystemError(error, 'EACCES', 'EPERM')) return undefined
    throw error
  })
  if (bytes === undefined) return undefined
  const marker = decodeMarker(bytes)
  if (marker === undefined) {
    throw new BallastError('DAMAGED', `${join(side, RECORD)} cannot be read`, {
      hint: `what was written is in ${join(side, UPPER)}; move ${side} away and mount again`,
    })
  }
  return { target, side, marker, isMounted: await hasMount(target) }
}

/**
 * Mounts a version at the target with a layer over it that takes what is written there; one that is there already, of the
 * same version, is mounted again with all that was written. Throws REFUSED where the kernel or the rights do not allow it,
 * CONFLICT where something else is there.
 */
export async function mountWritable(
  store: Store,
  { target: named, delivery }: { readonly target: string; readonly delivery: Delivery },
  options: Omit<DeliverOptions, 'link'> = {},
): Promise<Delivered> {
  refuseWithoutRights()
  await makeDirectory(dirname(named))
  const found = await readWritable(named)
  if (found !== undefined && found.marker.digest !== delivery.version.digest) throw otherVersion(found)
  if (found?.isMounted === true) return { how: 'unchanged', bytesCopied: 0, warnings: [] }
  const target = await withoutLinks(named)
  await refuseOccupied(target)
  const written = found === undefined ? await makeSide(store, { target, delivery }, options) : NOTHING_COPIED
  await show(target)
  return { how: 'delivered', ...written }
}

const NOTHING_COPIED = { bytesCopied: 0, warnings: [] }

/** Whole, or not there: it is written under another name. */
async function makeSide(
  store: Store,
  { target, delivery }: { readonly target: string; readonly delivery: Delivery },
  options: Omit<DeliverOptions, 'link'>,
): Promise<Pick<Delivered, 'bytesCopied' | 'warnings'>> {
  const side = sideOf(target)
  const prefix = `${basename(side)}-new-`
  await removeAbandoned(dirname(side), prefix)
  const incoming = await createIncoming(dirname(side), prefix, SIDE_MODE)
  try {
    const [lower, upper, work] = [LOWER, UPPER, WORK].map((name) => join(incoming.tree, name)) as [
      string,
      string,
      string,
    ]
    for (const path of [lower, upper, work]) {
      await mkdir(path)
      await chmod(path, DIRECTORY_MODE)
    }
    // The kernel never writes to the lower one of an overlay, so the store's own files may be in it.
    const written = await writeTree(store, { tree: lower, ...delivery }, { ...options, link: true })
    await writeFileDurably(join(incoming.tree, RECORD), encodeMarker(delivery.marker))
    await syncDirectory(incoming.tree)
    await incoming.publish(side)
    return written
  } finally {
    await incoming.discard()
  }
}

async function show(target: string): Promise<void> {
  try {
    await mountOverlay({ lower: LOWER, upper: UPPER, work: WORK, cwd: sideOf(target) }, target)
  } catch (error) {
    if (!isBallastError(error, 'REFUSED')) throw error
    throw new BallastError('REFUSED', error.message, { cause: error, hint: WITHOUT_OVERLAY })
  }
}

const WITHOUT_OVERLAY =
  'a layer over a version needs root on Linux, outside of sandboxes, and a directory whose file system can carry an overlay; ' +
  'without --rw the target gets copies, which may be written to as well'

function refuseWithoutRights(): void {
  if (process.platform === 'linux' && process.geteuid?.() === 0) return
  const why = process.platform === 'linux' ? 'this user is not root' : 'this system is not Linux'
  throw new BallastError('REFUSED', `--rw mounts an overlay of the kernel, and ${why}`, {
    hint: WITHOUT_OVERLAY,
  })
}

async function refuseOccupied(target: string): Promise<void> {
  const { kind } = await inspectTarget(target)
  if (kind === 'absent' || kind === 'empty') return
  const what = kind === 'foreign' ? 'holds files that Ballast did not put there' : 'is a mount already'
  throw new BallastError('CONFLICT', `${target} ${what}`, {
    hint: `name an empty or new directory${kind === 'foreign' ? '' : `, or unmount it first: ballast unmount ${target}`}`,
  })
}

function otherVersion({ target, side, marker, isMounted }: WritableMount): BallastError {
  const held = `${marker.model}:${marker.number}`
  return new BallastError(
    'CONFLICT',
    isMounted
      ? `${target} is a writable mount of ${held}`
      : `${join(side, UPPER)} keeps what was written over ${held} at ${target}`,
    {
      hint:
        `${isMounted ? '' : `mount ${held} there again with --rw, then `}capture what was written (ballast capture ${target} NAME), ` +
        `or give it up: ballast unmount ${target} --discard`,
    },
  )
}

function sideOf(target: string): string {
  return join(dirname(target), `.${basename(target)}.ballast-rw`)
}

async function hasMount(target: string): Promise<boolean> {
  return process.platform === 'linux' && (await mountAt(target)) !== undefined
}

/** As the kernel calls it. The target itself need not be there. */
async function withoutLinks(target: string): Promise<string> {
  const parent = await realpath(dirname(target)).catch(() => dirname(target))
  return join(parent, basename(target))
}

/** Whether anything was written over the version. */
export async function hasWritten({ side }: Pick<WritableMount, 'side'>): Promise<boolean> {
  return (await readdir(join(side, UPPER))).length > 0
}
