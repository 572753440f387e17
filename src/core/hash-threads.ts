import { availableParallelism } from 'node:os'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { type ChecksumAlgorithm, createChecksummer } from './checksum.ts'
import { type Digest, digestOfHex } from './digest.ts'

/**
 * A digest in the making. Chunks are hashed in the order of the calls; a chunk must not change until its call ends, and
 * one that has its memory to itself and does not share it may be gone then.
 */
export interface StreamHash {
  update(chunk: Uint8Array): Promise<void>
  digest(): Promise<Digest>
}

/** The same for a checksum of another kind. */
export interface StreamChecksum extends Pick<StreamHash, 'update'> {
  /** In lower-case hexadecimal. */
  value(): Promise<string>
}

/** Where digests are computed: SHA-256 of one stream cannot be divided, that of several can. */
export interface HashThreads {
  start(): StreamHash
  startChecksum(algorithm: ChecksumAlgorithm): StreamChecksum
  /** Ends the threads. Digests that are not finished never will be. */
  close(): Promise<void>
}

/**
 * One thread of execution is left for the reading and writing that goes on beside. With none to spare, hashing
 * takes turns with them, and no thread is started.
 */
export function createHashThreads(count: number = Math.min(availableParallelism() - 1, 8)): HashThreads {
  if (count <= 1) return { ...hashesBy(sumInTurns), close: async () => undefined }
  const threads: HashThread[] = []
  return {
    ...hashesBy((algorithm) => {
      const alive = threads.filter((thread) => !thread.hasEnded)
      threads.splice(0, threads.length, ...alive)
      const idle = threads.find((thread) => thread.load === 0)
      if (idle !== undefined) return idle.sum(algorithm)
      if (threads.length < count) threads.push(startThread())
      return threads.reduce((least, thread) => (thread.load < least.load ? thread : least)).sum(algorithm)
    }),
    async close() {
      await Promise.all(threads.map((thread) => thread.close()))
    },
  }
}

type StartSum = (algorithm: ChecksumAlgorithm) => StreamChecksum

function hashesBy(startChecksum: StartSum): Pick<HashThreads, 'start' | 'startChecksum'> {
  return {
    startChecksum,
    start() {
      const { update, value } = startChecksum('sha256')
      return { update, digest: async () => digestOfHex(await value()) }
    },
  }
}

/** On the calling thread, but never twice without a look at what has been read and written meanwhile. */
function sumInTurns(algorithm: ChecksumAlgorithm): StreamChecksum {
  const summer = createChecksummer(algorithm)
  let before: Promise<void> = Promise.resolve()
  return {
    update(chunk) {
      before = before.then(async () => {
        await nextTurn()
        summer.update(chunk)
      })
      return before
    },
    async value() {
      await before
      return summer.value()
    },
  }
}

interface HashThread {
  /** Digests in the making. */
  readonly load: number
  /** Every call for one of its digests fails then. */
  readonly hasEnded: boolean
  sum: StartSum
  close(): Promise<void>
}

/** What the thread is told. Without a chunk, the value is wanted. */
export interface HashOrder {
  readonly stream: number
  readonly algorithm: ChecksumAlgorithm
  readonly chunk: Uint8Array | undefined
}

/** Shared memory is seen by the thread as well; a part of something larger is copied, because the rest is in use. */
function movable(chunk: Uint8Array | undefined): readonly ArrayBuffer[] {
  if (chunk === undefined || !(chunk.buffer instanceof ArrayBuffer)) return []
  return chunk.byteLength === chunk.buffer.byteLength ? [chunk.buffer] : []
}

function startThread(): HashThread {
  // Compiled, the file is called .js.
  const file = new URL(`./hash-thread${/\.[jt]s$/.exec(import.meta.url)?.[0]}`, import.meta.url)
  const worker = new Worker(file)
  worker.unref()
  const orders: { resolve: (answer: string) => void; reject: (error: unknown) => void }[] = []
  let ended: { readonly why: unknown } | undefined
  const fail = (why: unknown): void => {
    ended ??= { why }
    for (const { reject } of orders.splice(0)) reject(why)
  }
  worker.on('message', (answer: string) => orders.shift()?.resolve(answer))
  worker.on('error', fail)
  worker.on('exit', () => fail(new Error('a hash thread ended')))
  const order = async (message: HashOrder): Promise<string> => {
    // It would never answer.
    if (ended !== undefined) throw ended.why
    worker.ref()
    return new Promise<string>((resolve, reject) => {
      orders.push({ resolve, reject })
      worker.postMessage(message, movable(message.chunk))
    }).finally(() => {
      if (orders.length === 0) worker.unref()
    })
  }
  let load = 0
  let streams = 0
  return {
    get load() {
      return load
    },
    get hasEnded() {
      return ended !== undefined
    },
    sum(algorithm) {
      const stream = ++streams
      load++
      return {
        update: async (chunk) => void (await order({ stream, algorithm, chunk })),
        value: async () => {
          load--
          return order({ stream, algorithm, chunk: undefined })
        },
      }
    },
    close: async () => void (await worker.terminate()),
  }
}
