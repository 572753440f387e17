import { BallastError, type CallOptions } from '../core/index.ts'
import {
  containersWithVolume,
  type EngineChoice,
  type VolumeUser,
  withVolumeHelper,
} from '../docker/index.ts'
import { unmountByHelper, unmountTarget } from '../mount/index.ts'
import { withEngine } from './engine-access.ts'
import type { UnmountResult } from './unmount.ts'
import { openVolume } from './volume-place.ts'

/**
 * Takes out of a named volume what was delivered into it; the volume itself is the Engine's. Throws CONFLICT while a
 * container runs that has it, or a process of this host follows a tag there; NOT_FOUND, and what `openVolume` does.
 */
export function unmountVolume(
  volume: string,
  { engine: choice, ...options }: CallOptions & { readonly engine: EngineChoice },
): Promise<UnmountResult> {
  return withEngine(choice, async (engine) => {
    const { directory } = await openVolume(engine, { name: volume, use: 'write' }, options)
    refuseInUse(volume, await containersWithVolume(engine, volume, options))
    const unmounted =
      directory === undefined
        ? await withVolumeHelper(engine, { volume, signal: options.signal }, (helper) =>
            unmountByHelper(helper, volume, options),
          )
        : await unmountTarget(directory, { volume })
    return { target: `volume:${volume}`, ...unmounted }
  })
}

/** Unlike a directory's, a volume's users are known: none is to lose its model while it runs. */
function refuseInUse(volume: string, users: readonly VolumeUser[]): void {
  const running = users.filter(({ isRunning }) => isRunning).map(({ name }) => name)
  if (running.length === 0) return
  const [is, them] =
    running.length === 1 ? ['a running container has', 'it'] : ['running containers have', 'them']
  throw new BallastError('CONFLICT', `${is} the volume ${volume}: ${running.join(', ')}`, {
    hint: `nothing was changed; stop ${them} first: docker stop ${running.join(' ')}`,
  })
}
