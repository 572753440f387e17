/** Ends a request in which nothing moves any more. */
export interface Watchdog {
  readonly signal: AbortSignal
  /** Whether it was this watchdog that ended the request. */
  readonly fired: boolean
  /** Starts the time anew; undefined while it is not the other side that is waited for. */
  wait(ms: number | undefined): void
}

export function createWatchdog(): Watchdog {
  const controller = new AbortController()
  let timer: NodeJS.Timeout | undefined
  return {
    signal: controller.signal,
    get fired() {
      return controller.signal.aborted
    },
    wait(ms) {
      clearTimeout(timer)
      timer = ms === undefined ? undefined : setTimeout(() => controller.abort(), ms)
    },
  }
}
