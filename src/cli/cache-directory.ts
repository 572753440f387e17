import { join } from 'node:path'
import type { Io } from './io.ts'

/** Of this user, by the XDG base directory specification; it need not exist. */
export function cacheDirectory({ env, home }: Pick<Io, 'env' | 'home'>): string {
  return join(env.XDG_CACHE_HOME || join(home, '.cache'), 'ballast')
}

/** For what the user has decided, which outlives a cache. */
export function stateDirectory({ env, home }: Pick<Io, 'env' | 'home'>): string {
  return join(env.XDG_STATE_HOME || join(home, '.local', 'state'), 'ballast')
}
