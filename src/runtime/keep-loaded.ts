import type { ModelWatch } from './look-out.ts'

/** How something at a path is loaded, and loaded again when the path has moved on. */
export interface Loading<Found, Loaded> {
  readonly resolve: () => Promise<Found>
  readonly isSame: (a: Found, b: Found) => boolean
  /** `former` is what is in use, whose parts may be taken over. */
  readonly load: (found: Found, former: Loaded | undefined) => Promise<Loaded>
  readonly foundOf: (loaded: Loaded) => Found
  readonly watch: (
    onChange: (found: Found) => Promise<void>,
    options: {
      readonly since: Found
      readonly onError: (error: unknown) => void
      readonly onRecovered: () => void
    },
  ) => ModelWatch
  readonly onSwap?: ((current: Loaded, former: Loaded) => void) | undefined
  readonly onError?: ((error: unknown) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface Kept<Found, Loaded> {
  readonly current: Loaded
  readonly problem: unknown
  /** What was found and could not be loaded. */
  readonly refused: Found | undefined
  /** Calls back after each change of the three above. */
  listen(listener: () => void): void
  close(): void
}

/** `current` is replaced only by what has been loaded whole. Throws when the first load fails. */
export async function keepLoaded<Found, Loaded>(
  loading: Loading<Found, Loaded>,
): Promise<Kept<Found, Loaded>> {
  const { isSame, foundOf, signal } = loading
  signal?.throwIfAborted()
  let current = await loadFirst(loading)
  let closed = false
  let loadProblem: unknown
  let pathProblem: unknown
  let refused: Found | undefined
  let tell = (): void => {}
  const watch = loading.watch(reload, {
    since: foundOf(current),
    onError(error) {
      if (error !== loadProblem) pathProblem = error
      loading.onError?.(error)
      tell()
    },
    onRecovered() {
      pathProblem = undefined
      tell()
    },
  })

  async function reload(found: Found): Promise<void> {
    if (!isSame(found, foundOf(current))) await replace(found)
    loadProblem = undefined
    refused = undefined
    tell()
  }

  async function replace(found: Found): Promise<void> {
    const former = current
    try {
      const next = await loading.load(found, former)
      if (closed || signal?.aborted) return
      current = next
    } catch (error) {
      loadProblem = error
      refused = found
      throw error
    }
    try {
      loading.onSwap?.(current, former)
    } catch (error) {
      loading.onError?.(error)
    }
  }

  return {
    get current() {
      return current
    },
    get problem() {
      return loadProblem ?? pathProblem
    },
    get refused() {
      return refused
    },
    listen(listener) {
      tell = listener
    },
    close() {
      closed = true
      watch.close()
    },
  }
}

async function loadFirst<Found, Loaded>(loading: Loading<Found, Loaded>): Promise<Loaded> {
  for (;;) {
    const found = await loading.resolve()
    try {
      return await loading.load(found, undefined)
    } catch (error) {
      loading.signal?.throwIfAborted()
      // A version that was replaced during the load may have been removed under it.
      const now = await loading.resolve().catch(() => found)
      if (loading.isSame(now, found)) throw error
    }
  }
}
