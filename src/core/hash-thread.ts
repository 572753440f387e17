import { parentPort } from 'node:worker_threads'
import { type Checksummer, createChecksummer } from './checksum.ts'
import { readPart } from './file-part.ts'
import type { HashOrder } from './hash-threads.ts'

/** The thread's own side of `createHashThreads`: one answer an order, in their order. */
const summers = new Map<number, Checksummer>()

parentPort?.on('message', ({ stream, algorithm, bytes }: HashOrder) => {
  const summer = summers.get(stream) ?? createChecksummer(algorithm)
  if (bytes === undefined) {
    summers.delete(stream)
    parentPort?.postMessage(summer.value())
    return
  }
  summers.set(stream, summer)
  if (typeof bytes === 'object' && 'fd' in bytes) readPart(bytes, summer.update)
  else summer.update(bytes)
  parentPort?.postMessage('')
})
