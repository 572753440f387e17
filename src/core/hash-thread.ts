import { parentPort } from 'node:worker_threads'
import { type Checksummer, createChecksummer } from './checksum.ts'
import type { HashOrder } from './hash-threads.ts'

/** The thread's own side of `createHashThreads`: one answer an order, in their order. */
const summers = new Map<number, Checksummer>()

parentPort?.on('message', ({ stream, algorithm, chunk }: HashOrder) => {
  const summer = summers.get(stream) ?? createChecksummer(algorithm)
  if (chunk !== undefined) {
    summers.set(stream, summer)
    summer.update(chunk)
    parentPort?.postMessage('')
  } else {
    summers.delete(stream)
    parentPort?.postMessage(summer.value())
  }
})
