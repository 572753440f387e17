/**
 * Runs `work` on every item, at most `limit` at once. The first failure keeps the rest from starting, aborts the signal
 * that the running ones were given, and is thrown once nothing runs any more: the caller may then remove what the
 * others were still using.
 */
export async function forEachLimited<T>(
  items: readonly T[],
  limit: number,
  work: (item: T, signal: AbortSignal) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  let next = 0
  const stop = new AbortController()
  const either = signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal])
  const failures: unknown[] = []
  const lane = async (): Promise<void> => {
    while (failures.length === 0 && next < items.length) {
      const index = next++
      try {
        await work(items[index] as T, either)
      } catch (error) {
        failures.push(error)
        stop.abort(error)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane))
  if (failures.length > 0) throw failures[0]
}

/** By code units of UTF-8, as identity and layers need it; `<` on strings compares UTF-16 and differs above U+FFFF. */
export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
