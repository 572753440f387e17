import { type ResolvedModel, resolveModel, sameModel } from './resolve.ts'
import { type WatchOptions, watchModel } from './watch.ts'

/** A version and what was loaded from it; the two always belong together. */
export interface LoadedModel<T> {
  readonly model: ResolvedModel
  readonly value: T
}

export interface OpenOptions<T> extends Omit<WatchOptions, 'since' | 'onRecovered'> {
  /** Called after each swap. Requests that took the former value may still be using it. */
  readonly onSwap?: ((current: LoadedModel<T>, former: LoadedModel<T>) => void) | undefined
}

export interface OpenedModel<T> {
  /** The newest version that was loaded. Take it once a request: it never changes, the next take may differ. */
  readonly current: LoadedModel<T>
  /** Why what the path leads to now is not in use: the error that was reported. Undefined while all is well. */
  readonly problem: unknown
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
  options.signal?.throwIfAborted()
  let current = await loadFirst(path, load, options)
  let closed = false
  let loadProblem: unknown
  let pathProblem: unknown
  const watch = watchModel(path, reload, {
    ...options,
    since: current.model,
    onError(error) {
      if (error !== loadProblem) pathProblem = error
      options.onError?.(error)
    },
    onRecovered() {
      pathProblem = undefined
    },
  })

  async function reload(model: ResolvedModel): Promise<void> {
    if (!sameModel(model, current.model)) await replace(model)
    loadProblem = undefined
  }

  async function replace(model: ResolvedModel): Promise<void> {
    const former = current
    try {
      const next = { model, value: await load(model) }
      if (closed || options.signal?.aborted) return
      current = next
    } catch (error) {
      loadProblem = error
      throw error
    }
    try {
      options.onSwap?.(current, former)
    } catch (error) {
      options.onError?.(error)
    }
  }

  return {
    get current() {
      return current
    },
    get problem() {
      return loadProblem ?? pathProblem
    },
    close() {
      closed = true
      watch.close()
    },
  }
}

async function loadFirst<T>(
  path: string,
  load: (model: ResolvedModel) => T | Promise<T>,
  options: OpenOptions<T>,
): Promise<LoadedModel<T>> {
  for (;;) {
    const model = await resolveModel(path, options)
    try {
      return { model, value: await load(model) }
    } catch (error) {
      options.signal?.throwIfAborted()
      // A version that was replaced during the load may have been removed under it.
      const now = await resolveModel(path, options).catch(() => model)
      if (sameModel(now, model)) throw error
    }
  }
}
