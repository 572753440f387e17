import { BallastError, type CallOptions, isBallastError } from '../core/index.ts'
import { type Engine, type EngineChoice, type VolumeHelper, withVolumeHelper } from '../docker/index.ts'
import { parseOperand, splitImageAndPath, splitNameAndPath } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { checkContainer } from './check-container.ts'
import { checkInContainer } from './check-container-path.ts'
import { checkEngineImage } from './check-embedded.ts'
import { checkLayers } from './check-layers.ts'
import { type CheckOptions, type CheckResult, checkTarget } from './check-target.ts'
import { withEngine } from './engine-access.ts'
import { isEngineImage } from './engine-operands.ts'
import type { ImageAccess } from './image-places.ts'
import { openVolume } from './volume-place.ts'

/** What it takes to get there. */
export type ElsewhereOptions = CheckOptions & { readonly access: ImageAccess; readonly engine: EngineChoice }

/** `check` of what is not a directory or a model of the store. */
export async function checkElsewhere(
  store: Store,
  operand: string,
  options: ElsewhereOptions,
): Promise<readonly CheckResult[]> {
  const parsed = parseOperand(operand)
  switch (parsed.kind) {
    case 'volume':
      return withEngine(options.engine, (engine) =>
        checkVolume(store, { engine, operand, name: parsed.text }, options),
      )
    case 'container':
      return withEngine(options.engine, (engine) =>
        checkContainer(store, { engine, operand, ...splitNameAndPath(parsed.text) }, options),
      )
    case 'image': {
      const image = splitImageAndPath(parsed.text)
      if (!isEngineImage(image.name)) return checkLayers(store, { operand, image: parsed.text }, options)
      return withEngine(options.engine, (engine) =>
        checkEngineImage(store, { engine, operand: `image:${image.name}`, ...image }, options),
      )
    }
    case 'registry':
    case 'layout':
    case 'archive':
      return checkLayers(store, { operand, image: operand }, options)
    default:
      throw new BallastError('USAGE', `${operand} is nothing that can be checked`, {
        hint: 'name a directory, a model of the store, volume:NAME, container:NAME or image:NAME',
      })
  }
}

async function checkVolume(
  store: Store,
  { engine, operand, name }: { readonly engine: Engine; readonly operand: string; readonly name: string },
  options: CheckOptions,
): Promise<readonly CheckResult[]> {
  const { info, directory } = await openVolume(engine, { name, use: 'look' }, options)
  if (directory !== undefined) return checkTarget(store, { target: directory, operand }, options)
  return withVolumeHelper(engine, { volume: name }, async (helper) => {
    const refusal = info.driver === 'local' ? undefined : await whyRefused(helper, options)
    if (refusal !== undefined) {
      return [
        { operand, version: undefined, digest: undefined, faults: [refusal], extra: [], mend: undefined },
      ]
    }
    const { id, root } = helper
    return checkInContainer(store, { engine, id, path: root, operand }, options)
  })
}

/** A driver that has nothing to mount says why only to who wants to write or to start. */
async function whyRefused(helper: VolumeHelper, options: CallOptions): Promise<string | undefined> {
  try {
    await helper.run([['tell', '.']], options)
    return undefined
  } catch (error) {
    if (isBallastError(error, 'REMOTE')) return error.message
    throw error
  }
}
