import { type Observation, REFERENCE_RATES, STEPS, type Step } from '../advise/index.ts'
import { isBallastError, systemCode, throwIfAborted } from '../core/index.ts'

/** Times steps for as long as there is time. */
export interface Stopwatch {
  /** Aborted when the time is up, or by the caller. */
  readonly signal: AbortSignal
  /** Whether a step is expected to end in time: by what it took before, else by the reference. */
  fits(step: Step, bytes: number): boolean
  /**
   * False where there is no time for it, where it failed before, and where it fails or is broken off now, which is noted.
   * Throws INTERRUPTED when the caller's signal is aborted.
   */
  time(step: Step, bytes: number, work: () => Promise<unknown>, settings?: TimeSettings): Promise<boolean>
  note(text: string): void
  /** Notes up to which size the time sufficed. */
  skip(bytes: number): void
  result(): { readonly observations: readonly Observation[]; readonly notes: readonly string[] }
  close(): void
}

export interface TimeSettings {
  readonly overNetwork?: boolean
}

/** Steps take longer than expected; what cleans up takes time too. */
const MARGIN = 1.3

export function createStopwatch({
  seconds,
  signal,
}: {
  readonly seconds: number
  readonly signal: AbortSignal | undefined
}): Stopwatch {
  const ends = performance.now() + seconds * 1000
  const up = new AbortController()
  const timer = setTimeout(() => up.abort(), seconds * 1000)
  const observations: Observation[] = []
  const notes = new Set<string>()
  const failed = new Set<Step>()
  let isShort = false

  function expected(step: Step, bytes: number): number {
    const last = observations.findLast((one) => one.step === step)
    const { fixed, perByte } = REFERENCE_RATES[step]
    if (last === undefined) return fixed + perByte * bytes
    return last.seconds * Math.max(1, bytes / last.bytes)
  }

  const left = (): number => (ends - performance.now()) / 1000
  const fits = (step: Step, bytes: number): boolean => expected(step, bytes) * MARGIN < left()

  return {
    signal: signal === undefined ? up.signal : AbortSignal.any([up.signal, signal]),
    fits,
    async time(step, bytes, work, { overNetwork = false } = {}) {
      throwIfAborted(signal)
      if (failed.has(step)) return false
      if (!fits(step, bytes)) {
        isShort = true
        return false
      }
      const started = performance.now()
      try {
        await work()
        const took = (performance.now() - started) / 1000
        observations.push({ step, bytes, seconds: took, ...(overNetwork && { overNetwork }) })
        return true
      } catch (error) {
        throwIfAborted(signal)
        if (!isBallastError(error) && systemCode(error) === undefined) throw error
        failed.add(step)
        const why = up.signal.aborted
          ? `${inMib(bytes)} took longer than there was time for`
          : (error as Error).message
        notes.add(`${STEPS[step]} was not measured: ${why}`)
        return false
      }
    },
    note: (text) => void notes.add(text),
    skip() {
      isShort = true
    },
    result() {
      const largest = Math.max(0, ...observations.map(({ bytes }) => bytes))
      if (isShort)
        notes.add(
          `in ${seconds} s sizes up to ${inMib(largest)} were measured, not all of them in every step`,
        )
      return { observations, notes: [...notes] }
    },
    close: () => clearTimeout(timer),
  }
}

function inMib(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`
}
