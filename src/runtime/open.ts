import { keepLoaded } from './keep-loaded.ts'
import { keepReadiness, type Readiness, type ReadinessOptions } from './readiness.ts'
import { type ResolvedModel, resolveModel, sameModel } from './resolve.ts'
import { STABLE } from './variants.ts'
import { type WatchOptions, watchModel } from './watch.ts'

/** A version and what was loaded from it; the two always belong together. */
export interface LoadedModel<T> {
  readonly model: ResolvedModel
  readonly value: T
}

export type ReloadOptions = Omit<WatchOptions, 'since' | 'onRecovered'> & ReadinessOptions

export interface OpenOptions<T> extends ReloadOptions {
  /** Called after each swap. Requests that took the former value may still be using it. */
  readonly onSwap?: ((current: LoadedModel<T>, former: LoadedModel<T>) => void) | undefined
}

export interface OpenedModel<T> {
  /** The newest version that was loaded. Take it once a request: it never changes, the next take may differ. */
  readonly current: LoadedModel<T>
  /** Why what the path leads to now is not in use: the error that was reported. Undefined while all is well. */
  readonly problem: unknown
  /** Which version is in use, and which was refused, in the form in which Ballast asks for it (docs/runtime.md). */
  readiness(): Readiness
  /** Stops reloading; `current` stays as it is. */
  close(): void
}

/**
 * Loads the model and loads it again whenever its version changes. `current` is replaced only when the new version
 * has been loaded; when that fails, the former one stays and `onError` is told. Throws when the first load fails.
 */
export async function openModel<T>(
  path: string,
  load: (model: ResolvedModel) => T | Promise<T>,
  options: OpenOptions<T> = {},
): Promise<OpenedModel<T>> {
  const kept = await keepLoaded<ResolvedModel, LoadedModel<T>>({
    ...options,
    resolve: () => resolveModel(path, options),
    isSame: sameModel,
    load: async (model) => ({ model, value: await load(model) }),
    foundOf: ({ model }) => model,
    watch: (onChange, events) => watchModel(path, onChange, { ...options, ...events }),
  })
  const { readiness, close } = keepReadiness(kept, options, () => ({
    serving: [{ name: STABLE, model: kept.current.model }],
    refused: kept.refused === undefined ? [] : [kept.refused],
    problem: kept.problem,
  }))
  return {
    get current() {
      return kept.current
    },
    get problem() {
      return kept.problem
    },
    readiness,
    close,
  }
}
