/**
 * Loaded into the command with `--import`: a clock that is BALLAST_CLOCK_SHIFT hours ahead, or behind. What the file
 * system stamps by itself keeps the true time, as when the clock was set after the command had begun.
 */
const shiftMs = Number(process.env.BALLAST_CLOCK_SHIFT ?? 0) * 3_600_000
const TrueDate = Date

globalThis.Date = class extends TrueDate {
  constructor(...args: [] | [number | string | Date]) {
    if (args.length === 0) super(TrueDate.now() + shiftMs)
    else super(...(args as [number]))
  }

  static override now(): number {
    return TrueDate.now() + shiftMs
  }
} as DateConstructor
