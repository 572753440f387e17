import { availableParallelism } from 'node:os'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { type ChecksumAlgorithm, createChecksummer } from './checksum.ts'
import { type Digest, digestOfHex } from './digest.ts'
import { type FilePart, partsOf, readPart } from './file-part.ts'

/**
 * A digest in the making. Chunks are hashed in the order of the calls; a chunk must not change until its call ends, and
 * one that has its memory to itself and does not share it may be gone then.
 */
export interface StreamHash {
  update(chunk: Uint8Array): Promise<void>
  /** The same for bytes of a file, which the thread reads itself: they pass no other memory. */
  updateFrom(part: FilePart): Promise<void>
  digest(): Promise<Digest>
}

/** The same for a checksum of another kind. */
export interface StreamChecksum extends Omit<StreamHash, 'digest'> {
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

const MOST = 8

/**
 * One thread of execution is left for the reading and writing that goes on beside. With none to spare, which is the case
 * of one thread beside copies that keep two busy, hashing takes turns with them: so it does with a count of 0.
 */
export function createHashThreads(count: number = threadsBesideCopies()): HashThreads {
  if (count < 1) return { ...hashesBy(sumInTurns), close: async () => undefined }
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

function threadsBesideCopies(): number {
  const spare = availableParallelism() - 1
  return spare > 1 ? Math.min(spare, MOST) : 0
}

/** For whoever waits for a network beside it: then one thread is worth having on the smallest machine. */
export function createHashThreadsBesideNetwork(): HashThreads {
  return createHashThreads(Math.min(Math.max(availableParallelism() - 1, 1), MOST))
}

type StartSum = (algorithm: ChecksumAlgorithm) => StreamChecksum

function hashesBy(startChecksum: StartSum): Pick<HashThreads, 'start' | 'startChecksum'> {
  return {
    startChecksum,
    start() {
      const { value, ...sum } = startChecksum('sha256')
      return { ...sum, digest: async () => digestOfHex(await value()) }
    },
  }
}

/** On the calling thread, but never twice without a look at what has been read and written meanwhile. */
function sumInTurns(algorithm: ChecksumAlgorithm): StreamChecksum {
  const summer = createChecksummer(algorithm)
  let before: Promise<void> = Promise.resolve()
  const inTurn = (work: () => void): Promise<void> => {
    before = before.then(async () => {
      await nextTurn()
      work()
    })
    return before
  }
  return {
    update: (chunk) => inTurn(() => summer.update(chunk)),
    async updateFrom(whole) {
      for (const part of partsOf(whole)) await inTurn(() => readPart(part, summer.update))
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

/** What the thread is told. Without bytes, the value is wanted. */
export interface HashOrder {
  readonly stream: number
  readonly algorithm: ChecksumAlgorithm
  readonly bytes: Uint8Array | FilePart | undefined
}

/** Shared memory is seen by the thread as well; a part of something larger is copied, because the rest is in use. */
function movable({ bytes }: HashOrder): readonly ArrayBuffer[] {
  if (!(bytes instanceof Uint8Array && bytes.buffer instanceof ArrayBuffer)) return []
  return bytes.byteLength === bytes.buffer.byteLength ? [bytes.buffer] : []
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
      worker.postMessage(message, movable(message))
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
        update: async (bytes) => void (await order({ stream, algorithm, bytes })),
        async updateFrom(whole) {
          for (const bytes of partsOf(whole)) await order({ stream, algorithm, bytes })
        },
        value: async () => {
          load--
          return order({ stream, algorithm, bytes: undefined })
        },
      }
    },
    close: async () => void (await worker.terminate()),
  }
}
