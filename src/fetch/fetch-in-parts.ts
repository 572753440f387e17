import { type Digest, forEachLimited, hashOf, isBallastError, startChecksum } from '../core/index.ts'
import type { Ingested, Place, Session, Store } from '../store/index.ts'
import { frontOf, gapsIn, totalOf } from './extents.ts'
import type { FetchRequest } from './fetch-blob.ts'
import type { TransferOptions } from './fetch-whole.ts'
import { createFront, type Front, sourceBehind, summed } from './front.ts'
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

async function hashed(
  { handle }: PartialFile,
  request: FetchRequest,
  { front, signal }: { readonly front: Front; readonly signal: AbortSignal },
): Promise<Digest> {
  const { item, content } = request
  const source = sourceBehind(front, { handle, size: content.size, signal })
  const checksum = knownChecksum(request)
  const sum = checksum && startChecksum(checksum.algorithm)
  await sum?.update(Buffer.from(checksum?.prefix ?? ''))
  const hashing = hashOf(sum === undefined ? source : summed(source, sum), { signal })
  // Also of what breaks off: a checksum that nobody asks for would occupy its thread for good.
  const [outcome, value] = await Promise.allSettled([
    hashing,
    hashing.catch(() => undefined).then(() => sum?.value()),
  ])
  if (outcome.status === 'rejected') throw outcome.reason
  if (value.status === 'rejected') throw value.reason
  const { digest } = outcome.value
  const expected = knownDigest(request)
  if (expected !== undefined) refuseOtherBytes(item, { expected, found: digest })
  if (checksum !== undefined) {
    const { algorithm } = checksum
    const [wanted, found] = [checksum, value].map(({ value }) => `${algorithm}:${value}`)
    refuseOtherBytes(item, { expected: `${wanted}`, found: `${found}` })
  }
  return digest
}
