import { resolve } from 'node:path'
import { keepLooking, type LookOptions, type ModelWatch } from './look-out.ts'
import { type ResolvedModel, type ResolveOptions, resolveWatched, sameModel } from './resolve.ts'
import { resolveVariantsWatched, sameVariants, type VariantSet } from './variants.ts'

export interface WatchOptions extends ResolveOptions, LookOptions {
  /** The version that is loaded already. Without it, the first one that is found. */
  readonly since?: ResolvedModel | undefined
}

export type ModelListener = (model: ResolvedModel) => void | Promise<void>

/**
 * Calls the listener with each new version, one call at a time. A version that is replaced while a call is under
 * way may be left out; the newest is always delivered in the end. Never throws. Never calls for an embedded or
 * plain directory. A version whose call failed is not offered again before the path has changed.
 */
export function watchModel(path: string, listener: ModelListener, options: WatchOptions = {}): ModelWatch {
  return keepLooking<ResolvedModel>(resolve(path), {
    ...options,
    async look() {
      const { model, watched } = await resolveWatched(path, options)
      return { found: model, watched: [watched] }
    },
    isSame: sameModel,
    onChange: listener,
  })
}

export interface VariantsWatchOptions extends ResolveOptions, LookOptions {
  /** The variants that are loaded already. Without it, the first ones that are found. */
  readonly since?: VariantSet | undefined
}

/** The same for the variants at a path: a call when a version, a weight or a rule among them has changed. */
export function watchVariants(
  path: string,
  listener: (set: VariantSet) => void | Promise<void>,
  options: VariantsWatchOptions = {},
): ModelWatch {
  return keepLooking<VariantSet>(resolve(path), {
    ...options,
    async look() {
      const { set, watched } = await resolveVariantsWatched(path, options)
      return { found: set, watched }
    },
    isSame: sameVariants,
    onChange: listener,
  })
}
