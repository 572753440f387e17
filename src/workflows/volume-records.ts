import { BallastError, type CallOptions } from '../core/index.ts'
import { type EngineChoice, withVolumeHelper } from '../docker/index.ts'
import { type Followed, inspectTarget, lookIntoVolume, recordsOf, seeTarget } from '../mount/index.ts'
import { withEngine } from './engine-access.ts'
import { openVolume } from './volume-place.ts'

/**
 * What stands behind each link of a named volume, by its name. Throws NOT_FOUND for a volume that is not there or that
 * nothing was delivered into, and what `openVolume` does.
 */
export function volumeRecords(
  choice: EngineChoice,
  name: string,
  options: CallOptions,
): Promise<ReadonlyMap<string, Followed>> {
  return withEngine(choice, async (engine) => {
    const { directory } = await openVolume(engine, { name, use: 'read' }, options)
    if (directory !== undefined) {
      if ((await inspectTarget(directory)).kind !== 'following') throw nothingDelivered(name)
      return recordsOf(await seeTarget(directory))
    }
    return withVolumeHelper(engine, { volume: name, signal: options.signal }, async (helper) => {
      const seen = await lookIntoVolume(helper, `volume:${name}`, options)
      if (seen.kind !== 'following') throw nothingDelivered(name)
      return recordsOf(seen)
    })
  })
}

function nothingDelivered(volume: string): BallastError {
  return new BallastError('NOT_FOUND', `nothing was delivered into volume:${volume}`, {
    hint: `to mount a model there: ballast mount REF volume:${volume}`,
  })
}
