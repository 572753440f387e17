import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  BallastError,
  type CallOptions,
  createFileDurably,
  makeDirectory,
  removeAbandonedFiles,
  withLock,
} from '../core/index.ts'
import { isServerLayout, OWN_DIRECTORY } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import type { Delivered, DeliverOptions, Delivery } from './delivery.ts'
import { isVisit, type MoveOptions, recordAfter, recordOf, refuseOtherUse } from './followed.ts'
import { placeGeneration, prune, type Retention } from './generations.ts'
import { removeAbandoned } from './incoming.ts'
import { addToRepository, layOut, layoutToUse, leaveView, refuseUnfit } from './layouts/index.ts'
import {
  checkLinkName,
  ensureFileLink,
  freeFileLinks,
  linkedGeneration,
  refuseForeignNames,
  removeFileLink,
  swapLink,
  takenFileLinks,
} from './links.ts'
import { DIRECTORY_MODE, GENERATIONS, INCOMING, LOCK, STATE, TEMPORARY_LINK } from './names.ts'
import { readAhead } from './read-ahead.ts'
import { seeTarget } from './seen.ts'
import { encodeState, withUnrecorded, writeState } from './state.ts'
import { inspectTarget } from './target.ts'
import { moveWithLink } from './variants-of-link.ts'

export interface FollowingOptions extends DeliverOptions, MoveOptions, Retention {
  /** Whether what has not been copied is read once before a link that leads somewhere moves. False by default. */
  readonly readAhead?: boolean | undefined
}

export interface Swapped extends Delivered {
  /** What the link leads to now, relative to the target. */
  readonly path: string
  /** Names at the target's root under which a model of one file is found too. */
  readonly files: readonly string[]
}

/**
 * Makes the link called `name` in a following target lead to a version (design 5). The version is complete and
 * durable before the link moves, which it does by one rename(2); the directory itself is never replaced, so a
 * running container that has it mounted sees the change.
 */
export async function deliverFollowing(
  store: Store,
  { target, name, delivery }: { readonly target: string; readonly name: string; readonly delivery: Delivery },
  options: FollowingOptions,
): Promise<Swapped> {
  checkLinkName(name)
  await prepareTarget(target)
  return withTargetLock(target, options, async () => {
    // Before the first link, so that a target is known for what it is at every instant.
    await createFileDurably(join(target, STATE), encodeState({ version: 1, models: {} }), { mode: 0o644 })
    await sweep(target)
    const { version } = delivery
    const { root, state, readGeneration } = await seeTarget(target)
    const link = join(target, name)
    const layout = layoutToUse(link, { leadsTo: linkedGeneration(root, name) && root.get(name) }, options)
    if (isServerLayout(layout) && !isVisit(options)) await refuseUnfit(store, { layout, name, delivery })
    const files = freeFileLinks(root, { target, name, layout, version })
    refuseForeignNames(root, { target, name, files })
    const { known, followed: recorded } = recordOf(state, { link, name, marker: delivery.marker })
    const id = linkedGeneration(root, name)
    if (options.leaves !== undefined && options.leaves.id !== id) throw movedMeanwhile(link)
    const followed = await withUnrecorded(recorded, { id, readGeneration })
    refuseOtherUse(link, { known: known && followed, delivery }, options)
    const current = followed.generations.at(-1)
    const place = await placeGeneration(store, { target, current, delivery }, options)
    for (const file of files) await ensureFileLink(target, { file, name })
    const { to, warnings: unfit } = isServerLayout(layout)
      ? await layOut(
          target,
          { layout, name, id: place.id, followed, delivery },
          { keep: options.keep ?? followed.keep, readGeneration },
        )
      : { to: `${GENERATIONS}/${place.id}`, warnings: [] }
    const relinked = root.get(name) !== to
    if (options.readAhead === true && id !== undefined && id !== place.id && place.bytesCopied === 0) {
      await readAhead(join(target, GENERATIONS, place.id), version.files, options)
    }
    if (relinked) {
      await leaveView(target, root.get(name))
      await swapLink(target, { name, to })
    }
    if (layout === 'triton') await addToRepository(target, name)
    for (const file of followed.files.filter((old) => !files.includes(old))) {
      await removeFileLink(target, { file, name })
    }
    const unread = await moveWithLink(target, { link: name, ...delivery, id: place.id, by: options.by })
    const { next, moved } = recordAfter(followed, { id: place.id, delivery, files }, options)
    const models = { ...state.models, [name]: next }
    await writeState(target, { version: 1, models })
    await prune(target, Object.values(models), options)
    const { bytesCopied } = place
    const taken = takenFileLinks(version, { name, layout, files })
    const warnings = [...place.warnings, ...unfit, ...unread, ...taken]
    return { how: moved || relinked ? 'delivered' : 'unchanged', bytesCopied, warnings, path: name, files }
  })
}

export function movedMeanwhile(link: string): BallastError {
  return new BallastError('CONFLICT', `${link} leads to another version by now`, {
    hint: 'somebody else has moved it; nothing was changed',
  })
}

/** Throws LOCKED when another process has been busy with the target for half a minute. */
export function withTargetLock<T>(
  target: string,
  { signal }: CallOptions,
  work: () => Promise<T>,
): Promise<T> {
  return withLock(join(target, LOCK), { timeoutMs: 30_000, signal }, work)
}

/** Makes the directory one that can follow. Throws CONFLICT where something else is mounted or stands there. */
export async function prepareTarget(target: string): Promise<void> {
  const state = await inspectTarget(target)
  if (state.kind === 'foreign' || state.kind === 'pinned' || state.kind === 'broken') {
    const what = state.kind !== 'foreign' ? 'a mount of one version' : 'not empty'
    throw new BallastError('CONFLICT', `${target} is ${what}, so it cannot follow a tag`, {
      hint:
        state.kind !== 'foreign'
          ? `unmount it first (ballast unmount ${target}), or name a new directory`
          : 'nothing was changed; name an empty or new directory',
    })
  }
  await makeDirectory(join(target, GENERATIONS), DIRECTORY_MODE)
}

/** Under the lock: what those who held it before and were killed had half done. */
async function sweep(target: string): Promise<void> {
  const own = join(target, OWN_DIRECTORY)
  await removeAbandoned(own, INCOMING)
  await removeAbandonedFiles(own)
  for (const name of await readdir(own)) {
    if (name.startsWith(TEMPORARY_LINK)) await rm(join(own, name), { force: true })
  }
}
