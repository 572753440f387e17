/** Runs what belongs to one key in turn, whatever becomes of those before. */
export function createQueues(): <T>(key: string, work: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>()
  return (key, work) => {
    const run = (last.get(key) ?? Promise.resolve()).then(work, work)
    const settled = run.catch(() => undefined)
    last.set(key, settled)
    void settled.then(() => {
      if (last.get(key) === settled) last.delete(key)
    })
    return run
  }
}

/** Work that is under way for a key is joined by whoever wants the same; it goes on when nobody waits any more. */
export function createJoined<T>(): (key: string, work: () => Promise<T>) => Promise<T> {
  const running = new Map<string, Promise<T>>()
  return (key, work) => {
    const known = running.get(key)
    if (known !== undefined) return known
    const run = work().finally(() => running.delete(key))
    run.catch(() => undefined)
    running.set(key, run)
    return run
  }
}

/** One write at a time; those who ask while one runs share the next, which has what they want written. */
export function createSharedWrite(write: () => Promise<void>): () => Promise<void> {
  let running: Promise<unknown> = Promise.resolve()
  let next: Promise<void> | undefined
  return () => {
    next ??= running.then(() => {
      next = undefined
      const run = write()
      running = run.catch(() => undefined)
      return run
    })
    return next
  }
}
