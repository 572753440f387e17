import { join } from 'node:path'
import {
  BallastError,
  type CallOptions,
  isBallastError,
  isLocked,
  listIfPresent,
  withLock,
} from '../core/index.ts'
import { prepareTarget } from './following.ts'
import { checkLinkName } from './links.ts'
import { FOLLOWERS } from './names.ts'
import { refuseLinks } from './target.ts'

/**
 * Runs `work` as the one process that keeps the link up with its tag. Throws CONFLICT when another one does, or when
 * the target cannot follow.
 */
export async function withFollower<T>(
  target: string,
  { name, signal }: CallOptions & { readonly name: string },
  work: () => Promise<T>,
): Promise<T> {
  checkLinkName(name)
  await prepareTarget(target)
  await refuseLinks(target, [join(FOLLOWERS, name)])
  let isHolder = false
  const asHolder = (): Promise<T> => {
    isHolder = true
    return work()
  }
  try {
    return await withLock(join(target, FOLLOWERS, name), { timeoutMs: 0, signal }, asHolder)
  } catch (error) {
    if (isHolder || !isBallastError(error, 'LOCKED')) throw error
    throw followedAlready(`${join(target, name)} is followed by another process already`)
  }
}

/** Throws CONFLICT while a process follows any link of the target. */
export async function refuseFollowed(target: string): Promise<void> {
  for (const name of await listIfPresent(join(target, FOLLOWERS))) {
    if (!(await isLocked(join(target, FOLLOWERS, name)))) continue
    throw followedAlready(`a process still follows ${join(target, name)}`)
  }
}

function followedAlready(message: string): BallastError {
  return new BallastError('CONFLICT', message, { hint: 'stop that `ballast mount --follow` first' })
}
