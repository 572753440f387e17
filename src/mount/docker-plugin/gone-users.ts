import { isPodman, type User, type Volume } from './state.ts'

/** An Engine has no container with the volume, and no process either: what is left of its calls is over. */
const GONE_AFTER_MS = 10_000
/** Where only the kernel can be asked: longer than an Engine takes to start a container that has volumes of others too. */
const SILENT_AFTER_MS = 150_000

export interface Traces {
  /** Whether any process of the host has it mounted; where volumes of one version share a tree, also through another. */
  readonly isMounted: boolean
  /** Whether another volume that is used shows the same tree. */
  readonly isShared: boolean
  /** Containers of the Engine that have the volume; undefined where none answers. */
  readonly containers: number | undefined
}

/** The users of a volume but for those that have ended without saying so. */
export function usersLeft(
  { users, options }: Volume,
  { isMounted, isShared, containers }: Traces,
): ReadonlyMap<string, User> {
  const isAnothers = isShared && !options.rw && !options.follow
  const isGone = containers === 0 && (!isMounted || isAnothers)
  if (isMounted && !isGone) return users
  const after = isGone ? GONE_AFTER_MS : SILENT_AFTER_MS
  const isLeft = ([id, { since }]: readonly [string, User]): boolean =>
    isPodman(id) || Math.abs(Date.now() - since) <= after
  return new Map([...users].filter(isLeft))
}
