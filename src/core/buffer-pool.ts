/** Pieces of memory of one size that are used again and again, so that a copy of any length takes a bounded amount. */
export interface BufferPool {
  readonly size: number
  /** Waits while all are taken. They are given in the order in which they were asked for. */
  take(): Promise<Uint8Array>
  give(buffer: Uint8Array): void
}

/** The memory can be shared with other threads, and is set aside when it is first needed. */
export function createBufferPool({
  count,
  size,
}: {
  readonly count: number
  readonly size: number
}): BufferPool {
  const free: Uint8Array[] = []
  const waiting: ((buffer: Uint8Array) => void)[] = []
  let made = 0
  return {
    size,
    take() {
      const buffer = free.pop()
      if (buffer !== undefined) return Promise.resolve(buffer)
      if (made++ < count) return Promise.resolve(new Uint8Array(new SharedArrayBuffer(size)))
      return new Promise((resolve) => waiting.push(resolve))
    },
    give(buffer) {
      const next = waiting.shift()
      if (next === undefined) free.push(buffer)
      else next(buffer)
    },
  }
}
