import {
  bothOf,
  createHashThreadsBesideNetwork,
  type Digest,
  forEachLimited,
  type HashThreads,
  isBallastError,
} from '../core/index.ts'
import type { Ingested, Place, Session, Store } from '../store/index.ts'
import { frontOf, gapsIn, totalOf } from './extents.ts'
import type { FetchRequest } from './fetch-blob.ts'
import type { TransferOptions } from './fetch-whole.ts'
import { createFront, type Front } from './front.ts'
import { openPartialFile, type PartialFile } from './partial-file.ts'
import { receive } from './receive.ts'
import { createSegments } from './segments.ts'
import { knownChecksum, knownDigest, refuseOtherBytes } from './verify.ts'

/** More connections than this one file would only be in each other's way. In bytes a connection. */
const WORTH_A_LANE = 4 * 1024 * 1024
const MOST_LANES = 64

/**
 * Into a file of the whole length at `place`, several parts at once, and from there into the store. What is there of it
 * already is not fetched again. Ends with the place given up, or with what has arrived noted in it.
 */
export async function fetchInParts(
  { store, session, place }: { readonly store: Store; readonly session: Session; readonly place: Place },
  request: FetchRequest,
  options: TransferOptions,
): Promise<Ingested> {
  const { item, content } = request
  const { size } = content
  const file = await openPartialFile(place.directory, { size, item, mode: place.fileMode })
  let digest: Digest
  try {
    digest = await transfer(file, request, options)
  } catch (error) {
    // What is wrong, or of what is no more, would be wrong the next time.
    if (isBallastError(error, 'DAMAGED') || isBallastError(error, 'REFUSED')) place.giveUp()
    throw error
  } finally {
    await file.close()
  }
  const stored = await store.blobs.adopt(session, { path: file.path, blob: { digest, size } })
  place.giveUp()
  return stored
}

/** All of the file, held against what is known of it. */
async function transfer(
  file: PartialFile,
  request: FetchRequest,
  { lanes, retryDelays, signal: outer, onProgress }: TransferOptions,
): Promise<Digest> {
  const { item, content } = request
  const { size } = content
  const missing = gapsIn(file.extents, size)
  const segments = createSegments(missing, () => lanes.count)
  const front = createFront()
  front.moveTo(frontOf(file.extents))
  const present = totalOf(file.extents)
  onProgress?.({ kind: 'start', step: 'download', item, total: size - present })
  const onWritten = (count: number): void => {
    front.moveTo(frontOf(file.extents))
    onProgress?.({ kind: 'bytes', step: 'download', item, count })
  }
  let digest: Digest | undefined
  const hashing = async (signal: AbortSignal): Promise<void> => {
    digest = await hashed(file, request, { front, signal })
  }
  const receiving = (signal: AbortSignal): Promise<void> =>
    receive(content, { file, segments, lanes, retryDelays, signal, onWritten })
  const connections = Math.min(MOST_LANES, Math.ceil((size - present) / WORTH_A_LANE))
  const works = [hashing, ...Array.from({ length: connections }, () => receiving)]
  await forEachLimited(works, works.length, (work, signal) => work(signal), outer)
  return digest as unknown as Digest
}

/** In bytes. So that what fails elsewhere does not wait for long. */
const HASHED_TOGETHER = 64 * 1024 * 1024

let threads: HashThreads | undefined

/** The file in its order while it arrives: from what the system has in memory still, so that reading it again costs little. */
async function hashed(
  { handle }: PartialFile,
  request: FetchRequest,
  { front, signal }: { readonly front: Front; readonly signal: AbortSignal },
): Promise<Digest> {
  const { item, content } = request
  threads ??= createHashThreadsBesideNetwork()
  const checksum = knownChecksum(request)
  const hash = threads.start()
  const sum = checksum && threads.startChecksum(checksum.algorithm)
  const read = async (): Promise<void> => {
    await sum?.update(Buffer.from(checksum?.prefix ?? ''))
    for (let at = 0; at < content.size; ) {
      const length = Math.min((await front.beyond(at, signal)) - at, HASHED_TOGETHER)
      const part = { fd: handle.fd, offset: at, length }
      await bothOf(hash.updateFrom(part), sum?.updateFrom(part) ?? Promise.resolve())
      at += length
    }
  }
  const [outcome] = await Promise.allSettled([read()])
  // Also of what broke off: a digest that nobody asks for would occupy its thread for good.
  const [digest, value] = await Promise.allSettled([hash.digest(), sum?.value()])
  if (outcome.status === 'rejected') throw outcome.reason
  if (digest.status === 'rejected') throw digest.reason
  if (value.status === 'rejected') throw value.reason
  const expected = knownDigest(request)
  if (expected !== undefined) refuseOtherBytes(item, { expected, found: digest.value })
  if (checksum !== undefined) {
    const { algorithm } = checksum
    const [wanted, found] = [checksum, value].map(({ value }) => `${algorithm}:${value}`)
    refuseOtherBytes(item, { expected: `${wanted}`, found: `${found}` })
  }
  return digest.value
}
