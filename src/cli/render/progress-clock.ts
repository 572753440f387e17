/** Steady, in milliseconds. Unlike `performance`, it is there without being loaded first. */
export const now = (): number => process.uptime() * 1000

export interface Ticking {
  /** False, and without effect, while it ticks. */
  readonly start: () => boolean
  readonly stop: () => void
}

/** Never keeps the process alive. */
export function createTicking(ms: number, tick: () => void): Ticking {
  let timer: NodeJS.Timeout | undefined
  return {
    start() {
      if (timer !== undefined) return false
      timer = setInterval(tick, ms).unref()
      return true
    },
    stop() {
      clearInterval(timer)
      timer = undefined
    },
  }
}
