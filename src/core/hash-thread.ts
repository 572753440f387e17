import { parentPort } from 'node:worker_threads'
import { createHasher, type Hasher } from './digest.ts'
import type { HashOrder } from './hash-threads.ts'

/** The thread's own side of `createHashThreads`: one answer an order, in their order. */
const hashers = new Map<number, Hasher>()

parentPort?.on('message', ({ stream, chunk }: HashOrder) => {
  const hasher = hashers.get(stream) ?? createHasher()
  if (chunk !== undefined) {
    hashers.set(stream, hasher)
    hasher.update(chunk)
    parentPort?.postMessage('')
  } else {
    hashers.delete(stream)
    parentPort?.postMessage(hasher.digest())
  }
})
