import { open } from 'node:fs/promises'
import type { Random } from '../fixtures/random.ts'
import type { DiskEvent } from './events.ts'

/**
 * What a disk with a volatile cache may hold once its power is gone: each write that a later flush covers, and of those
 * since the last flush any, whole, not at all, or sector by sector.
 */
export interface Replay {
  /** The disk whose power went before the event of this number; never a smaller number than the time before. */
  readonly cut: (at: number, random: Random) => CutDisk
}

export interface CutDisk {
  readonly content: Buffer
  readonly kept: number
  readonly dropped: number
  readonly torn: number
}

const SECTOR = 512

/** `initial` is the disk before the first event. */
export function createReplay(initial: Buffer, events: readonly DiskEvent[]): Replay {
  const durable = Buffer.from(initial)
  let applied = 0
  return {
    cut: (at, random) => {
      const flushed = events.slice(applied, at).findLastIndex(({ kind }) => kind === 'flush')
      for (const event of events.slice(applied, applied + flushed + 1)) apply(durable, event)
      applied += flushed + 1
      return loseSome(durable, events.slice(applied, at), random)
    },
  }
}

function loseSome(durable: Buffer, pending: readonly DiskEvent[], random: Random): CutDisk {
  const content = Buffer.from(durable)
  // One cut loses nearly everything, another nearly nothing; in between each is its own case.
  const [keeping, tearing] = [random.pick([0, 0.1, 0.5, 0.9, 1]), random.pick([0, 0.2, 1])]
  const fates = { kept: 0, dropped: 0, torn: 0 }
  for (const event of pending) {
    if (event.kind !== 'write') continue
    const isTorn = random.next() < tearing && event.data.length > SECTOR
    const fate = isTorn ? 'torn' : random.next() < keeping ? 'kept' : 'dropped'
    fates[fate]++
    if (fate === 'kept') apply(content, event)
    if (fate === 'torn') applySectors(content, event, random)
  }
  return { content, ...fates }
}

function apply(disk: Buffer, event: DiskEvent): void {
  if (event.kind === 'write') event.data.copy(disk, event.offset)
}

function applySectors(
  disk: Buffer,
  { offset, data }: { readonly offset: number; readonly data: Buffer },
  random: Random,
): void {
  for (let at = 0; at < data.length; at += SECTOR) {
    if (random.next() < 0.5) data.copy(disk, offset + at, at, at + SECTOR)
  }
}

const CHUNK = 256 * 1024
const ZEROS = Buffer.alloc(CHUNK)

/** With holes where there is nothing, so that a hundred of them take no time. */
export async function writeImage(path: string, content: Buffer): Promise<void> {
  const handle = await open(path, 'w')
  try {
    await handle.truncate(content.length)
    for (let at = 0; at < content.length; at += CHUNK) {
      const chunk = content.subarray(at, at + CHUNK)
      if (!chunk.equals(ZEROS.subarray(0, chunk.length))) await handle.write(chunk, 0, chunk.length, at)
    }
  } finally {
    await handle.close()
  }
}
