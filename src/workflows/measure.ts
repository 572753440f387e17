import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Observation } from '../advise/index.ts'
import {
  BallastError,
  type CallOptions,
  freeSpace,
  isBallastError,
  isPresent,
  throwIfAborted,
} from '../core/index.ts'
import { openStore, type Store } from '../store/index.ts'
import { add } from './add.ts'
import type { ImageAccess } from './image-places.ts'
import { createStopwatch, type Stopwatch } from './measure-clock.ts'
import { type Elsewhere, openElsewhere } from './measure-elsewhere.ts'
import { mount } from './mount.ts'

export interface MeasureRequest {
  /** Its disk is measured, where it is there and can be written. */
  readonly store: Store
  readonly access: ImageAccess
  /** `HOST/NAME`, a repository that images may be sent to; what is sent is deleted again where the registry allows it. */
  readonly registry?: string | undefined
  /** Where models are delivered to. */
  readonly directory: string
  /** When no step is begun any more that would take longer; one that does is broken off. 20 by default. */
  readonly seconds?: number | undefined
}

export interface Measured {
  readonly observations: readonly Observation[]
  /** What the times do not tell, and why something was not measured, in sentences. */
  readonly notes: readonly string[]
}

const MIB = 2 ** 20
/** Small ones first: they are there soon, and of the larger ones as many follow as there is time for. */
const SIZES = [8, 32, 8, 128, 32, 512, 128, 512].map((size) => size * MIB)
/** A disk is not filled to measure it: the largest size is there about five times at once. */
const ROOM = 20
/** Everything else is made in no time. */
const LEAST_SECONDS = 0.1

/**
 * Times the steps that can be timed here, with random bytes of growing sizes, and leaves nothing behind. Throws USAGE for
 * a registry that is no repository, INTERRUPTED, and DISK where the directory cannot be written; whatever else fails is
 * a note.
 */
export async function measureHere(request: MeasureRequest, options: CallOptions = {}): Promise<Measured> {
  const { seconds = 20, directory } = request
  const clock = createStopwatch({ seconds: Math.max(LEAST_SECONDS, seconds), signal: options.signal })
  try {
    await using place = await openPlace(request)
    const elsewhere = await openElsewhere(request, { store: place.store, work: place.work, clock })
    try {
      const most = (await freeSpace(place.work)).bytes / ROOM
      for (const [round, bytes] of SIZES.entries()) {
        if (bytes > most) {
          clock.note(`${directory} has too little room for more than ${Math.floor(most / MIB)} MiB`)
          break
        }
        await measureRound({ ...place, elsewhere, clock, round, bytes })
      }
    } finally {
      await elsewhere.close()
    }
    throwIfAborted(options.signal)
    return clock.result()
  } finally {
    clock.close()
  }
}

interface Place extends AsyncDisposable {
  /** A store of its own, for as long as it is measured. */
  readonly store: Store
  readonly work: string
  readonly targets: string
}

/** In a session of the store, whose files go even where this process is killed; without a store in the directory. */
async function openPlace({ store, directory }: MeasureRequest): Promise<Place> {
  await mkdir(directory, { recursive: true })
  const targets = await mkdtemp(join(directory, 'ballast-measure-'))
  const session = (await isPresent(store.root)) ? await store.beginReading() : undefined
  const work = session?.writable === true ? join(session.directory, 'measure') : join(targets, 'measure')
  return {
    store: await openStore(join(work, 'store')),
    work,
    targets,
    async [Symbol.asyncDispose]() {
      await rm(work, { recursive: true, force: true })
      await rm(targets, { recursive: true, force: true })
      await session?.close()
    },
  }
}

interface Round extends Omit<Place, keyof AsyncDisposable> {
  readonly elsewhere: Elsewhere
  readonly clock: Stopwatch
  readonly round: number
  readonly bytes: number
}

/** Other bytes each time, so that nobody has them already. */
async function measureRound({ store, work, targets, elsewhere, clock, round, bytes }: Round): Promise<void> {
  if (!clock.fits('hash', bytes)) return clock.skip(bytes)
  const source = join(work, 'source')
  const file = join(source, 'weights.bin')
  const target = join(targets, 'target')
  const { signal } = clock
  try {
    await mkdir(source, { recursive: true })
    await writeRandom(file, bytes, signal)
    const isAdded = await clock.time('hash', bytes, () =>
      add(store, { name: 'measured', sources: [source] }, { signal }),
    )
    if (!isAdded) return
    await clock.time('deliver', bytes, () => mount(store, { ref: 'measured', target }, { signal }))
    await clock.time('copy', bytes, () => copyPlainly(file, join(targets, 'copy')))
    await elsewhere.measure({ file, bytes, round })
  } catch (error) {
    if (!isBallastError(error, 'INTERRUPTED')) throw error
  } finally {
    for (const path of [source, target, join(targets, 'copy')])
      await rm(path, { recursive: true, force: true })
  }
}

const CHUNK = 4 * MIB

async function writeRandom(path: string, bytes: number, signal: AbortSignal): Promise<void> {
  const handle = await open(path, 'w')
  try {
    for (let left = bytes; left > 0; left -= CHUNK) {
      throwIfAborted(signal)
      await handle.writeFile(randomBytes(Math.min(CHUNK, left)))
    }
    // Else who is timed first pays for it.
    await handle.sync()
  } catch (error) {
    throw isBallastError(error)
      ? error
      : new BallastError('DISK', `${path} cannot be written`, { cause: error })
  } finally {
    await handle.close()
  }
}

/** As `cp` and `sync` do it. */
async function copyPlainly(from: string, to: string): Promise<void> {
  const [source, target] = await Promise.all([open(from, 'r'), open(to, 'w')])
  try {
    const buffer = Buffer.allocUnsafe(CHUNK / 8)
    for (;;) {
      const { bytesRead } = await source.read(buffer, 0, buffer.length)
      if (bytesRead === 0) break
      await target.write(buffer, 0, bytesRead)
    }
    await target.sync()
  } finally {
    await Promise.all([source.close(), target.close()])
  }
}
