export interface Rate {
  readonly add: (bytes: number, now: number) => void
  readonly perSecond: (now: number) => number
  /** Milliseconds since the last byte, or since the beginning where there was none. */
  readonly idle: (now: number) => number
}

/** Long enough that a figure can be read before it changes, short enough that it is that of now. */
export const RATE_WINDOW_MS = 5000
const SLOT_MS = 250

/** Bytes a second over the last five. Times in milliseconds of any steady clock. */
export function createRate(begun: number): Rate {
  let last = begun
  const slots: { readonly at: number; bytes: number }[] = []
  const forget = (now: number): void => {
    while (slots[0] !== undefined && slots[0].at <= now - RATE_WINDOW_MS) slots.shift()
  }
  return {
    add(bytes, now) {
      last = now
      const slot = slots.at(-1)
      if (slot !== undefined && now - slot.at < SLOT_MS) slot.bytes += bytes
      else slots.push({ at: now, bytes })
      forget(now)
    },
    perSecond(now) {
      forget(now)
      const bytes = slots.reduce((sum, slot) => sum + slot.bytes, 0)
      const elapsed = Math.min(Math.max(now - begun, SLOT_MS), RATE_WINDOW_MS)
      return (bytes * 1000) / elapsed
    },
    idle: (now) => now - last,
  }
}
