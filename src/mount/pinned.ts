import type { Stats } from 'node:fs'
import { chmod, chown, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { BallastError, isSystemError, makeDirectory } from '../core/index.ts'
import { totalSize, type Version } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { checkTree, extraFiles, matchesVersion } from './check.ts'
import type { Delivered, DeliverOptions, Delivery } from './delivery.ts'
import { createIncoming, removeAbandoned } from './incoming.ts'
import { DIRECTORY_MODE } from './names.ts'
import { inspectTarget } from './target.ts'
import { writeOwnFiles, writeTree } from './tree.ts'

export interface PinnedOptions extends DeliverOptions {
  /** Replace another version; there is an instant without a directory between the two. */
  readonly replace: boolean
}

/**
 * Makes `target` the tree of one version, all at once: it is written beside the target and renamed.
 * Throws CONFLICT when another version or other files are there, which stay as they are.
 */
export async function deliverPinned(
  store: Store,
  { target, delivery }: { readonly target: string; readonly delivery: Delivery },
  options: PinnedOptions,
): Promise<Delivered> {
  await removeAbandoned(dirname(target), prefixOf(target), target)
  const state = await inspectTarget(target)
  switch (state.kind) {
    case 'absent':
      await makeDirectory(dirname(target))
      return writeAndRename(store, { target, delivery, mode: DIRECTORY_MODE }, options)
    case 'empty':
      if (state.isRoot) throw mountPoint(target)
      return writeAndRename(store, { target, delivery, mode: state.mode }, options)
    case 'following':
      throw new BallastError('CONFLICT', `${target} follows a tag already`, {
        hint: `mount with --follow to add to it, or unmount it first: ballast unmount ${target}`,
      })
    case 'foreign':
      return adopt(store, { target, delivery })
    case 'broken':
      if (!options.replace) throw brokenMount(target, state.reason)
      await refuseExtraFiles(target, delivery.version)
      return replace(store, { target, delivery }, options)
    case 'pinned': {
      if (state.tree.version.digest === delivery.version.digest) {
        const { faults } = await checkTree(target, delivery.version, options)
        if (faults.length === 0) return { how: 'unchanged', bytesCopied: 0, warnings: [] }
        if (!options.replace) throw damagedMount(target, faults)
      } else if (!options.replace) {
        throw otherVersion(target, state.tree.version)
      }
      await refuseExtraFiles(target, state.tree.version)
      return replace(store, { target, delivery }, options)
    }
  }
}

async function writeAndRename(
  store: Store,
  { target, delivery, mode }: { readonly target: string; readonly delivery: Delivery; readonly mode: number },
  options: DeliverOptions,
): Promise<Delivered> {
  const incoming = await createIncoming(dirname(target), prefixOf(target), mode)
  try {
    const written = await writeTree(store, { tree: incoming.tree, ...delivery }, options)
    await incoming.publish(target)
    return { how: 'delivered', ...written }
  } catch (error) {
    throw explainRename(error, target)
  } finally {
    await incoming.discard()
  }
}

async function replace(
  store: Store,
  { target, delivery }: { readonly target: string; readonly delivery: Delivery },
  options: DeliverOptions,
): Promise<Delivered> {
  const former = await stat(target)
  const incoming = await createIncoming(dirname(target), prefixOf(target), former.mode & 0o7777)
  try {
    const written = await writeTree(store, { tree: incoming.tree, ...delivery }, options)
    await takeOwner(incoming.tree, former)
    await incoming.replace(target)
    return { how: 'delivered', ...written }
  } catch (error) {
    throw explainRename(error, target)
  } finally {
    await incoming.discard()
  }
}

/** As far as this user may give directories away; where not, the new one is theirs, as any that they make. */
async function takeOwner(path: string, { uid, gid, mode }: Stats): Promise<void> {
  await chown(path, uid, gid).catch((error: unknown) => {
    if (!isSystemError(error, 'EPERM')) throw error
  })
  // Giving a directory away can clear its set-gid bit.
  await chmod(path, mode & 0o7777)
}

/** What an application wrote beside the model must not go with it. */
async function refuseExtraFiles(target: string, version: Version): Promise<void> {
  const extra = await extraFiles(target, version)
  if (extra.length === 0) return
  throw new BallastError(
    'CONFLICT',
    `${target} also holds what is not part of the version: ${extra.slice(0, 3).join(', ')}`,
    {
      hint: 'nothing was changed; move those files away first',
    },
  )
}

async function adopt(
  store: Store,
  { target, delivery }: { readonly target: string; readonly delivery: Delivery },
): Promise<Delivered> {
  if (!(await matchesVersion(target, delivery.version))) {
    throw new BallastError(
      'CONFLICT',
      `${target} is not empty, and holds other files than ${delivery.marker.reference}`,
      {
        hint: 'nothing was changed; name an empty or new directory, or add these files to the store: ballast add',
      },
    )
  }
  await writeOwnFiles(store, { tree: target, ...delivery })
  return { how: 'adopted', bytesCopied: 0, warnings: [] }
}

function prefixOf(target: string): string {
  return `.${basename(target)}.ballast-new-`
}

function otherVersion(target: string, { digest, files }: Version): BallastError {
  const size = `${files.length} files, ${totalSize(files)} bytes`
  return new BallastError('CONFLICT', `${target} is a mount of another version (${digest}: ${size})`, {
    hint: 'put the new one in its place with --replace, or mount with --follow where versions are to change',
  })
}

function damagedMount(target: string, faults: readonly string[]): BallastError {
  return new BallastError(
    'DAMAGED',
    `${target} was changed since it was mounted: ${faults.slice(0, 3).join('; ')}`,
    {
      hint: 'mount it anew with --replace',
    },
  )
}

function explainRename(error: unknown, target: string): unknown {
  if (isSystemError(error, 'ENOTEMPTY', 'EEXIST')) {
    return new BallastError('CONFLICT', `${target} was filled by somebody else meanwhile`, {
      hint: 'run the command again',
      retryable: true,
    })
  }
  return isSystemError(error, 'EBUSY', 'EXDEV') ? mountPoint(target) : error
}

function mountPoint(target: string): BallastError {
  return new BallastError('REFUSED', `${target} is a mount point, and cannot be replaced by a directory`, {
    hint: 'name a directory below it, or use --follow, which keeps the directory',
  })
}

function brokenMount(target: string, reason: BallastError): BallastError {
  return new BallastError('DAMAGED', reason.message, {
    cause: reason,
    hint: `mount the version anew with --replace, or remove what is left: ballast unmount ${target}`,
  })
}
