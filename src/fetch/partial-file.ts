import { chmod, type FileHandle, open, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isSystemError, named, requireSpace, writeFully } from '../core/index.ts'
import { type Extents, totalOf, withExtent } from './extents.ts'
import { type Journal, openJournal } from './journal.ts'

/** A file of its whole length from the start, whose parts arrive in any order. */
export interface PartialFile {
  readonly path: string
  readonly handle: FileHandle
  readonly extents: Extents
  /** In one call for all pieces, which follow one another. */
  write(pieces: readonly Uint8Array[], offset: number): Promise<void>
  /** Takes note of all that has arrived. Nothing is written beside it or afterwards. */
  close(): Promise<void>
}

/** In bytes. The disk is kept busy from the start: left to the end, a sync would wait for all of the file at once. */
const SYNCED_TOGETHER = 128 * 1024 * 1024
/** In bytes. Of what is in the file, so much is fetched again after a kill at most: a 400th of it within these bounds. */
const NOTES = 400
const MOST_UNNOTED = 8 * 1024 * 1024
const LEAST_UNNOTED = 256 * 1024

export interface PartialFileOptions {
  readonly size: number
  /** For people. */
  readonly item: string
  /** Of the files, whatever the umask. */
  readonly mode: number | undefined
}

/** Takes up what is in the directory. Throws DISK where the rest will not fit. */
export async function openPartialFile(
  directory: string,
  { size, item, mode }: PartialFileOptions,
): Promise<PartialFile> {
  const path = join(directory, 'content')
  const journal = openJournal(directory, { size, mode })
  const isThere = await isUsable(path, size)
  if (!isThere) {
    await rm(path, { force: true })
    await journal.clear()
  }
  let extents = await journal.read()
  await requireSpace(directory, { bytes: size - totalOf(extents), what: item })
  const handle = await open(path, isThere ? 'r+' : 'wx+', mode ?? 0o644)
  if (!isThere) await named(path, () => handle.truncate(size))
  const notes = keepNotes(journal, handle, () => extents)
  const mostUnnoted = Math.min(Math.max(size / NOTES, LEAST_UNNOTED), MOST_UNNOTED)
  /** One write after the other: two at once would only spin for the file's lock in the kernel. */
  let turn: Promise<unknown> = Promise.resolve()
  let unnoted = 0
  let unsynced = 0
  return {
    path,
    handle,
    get extents() {
      return extents
    },
    async write(pieces, offset) {
      const mine = turn.then(() => named(path, () => writePieces(handle, pieces, offset)))
      turn = mine.catch(() => undefined)
      const length = await mine
      extents = withExtent(extents, { offset, length })
      unnoted += length
      unsynced += length
      if (unnoted >= mostUnnoted && notes.note()) unnoted = 0
      if (unsynced >= SYNCED_TOGETHER && notes.sync()) unsynced = 0
      notes.throwIfFailed()
    },
    async close() {
      try {
        await notes.settle()
        await journal.noteWritten(extents)
      } finally {
        await handle.close()
      }
    },
  }
}

/** Another user's cannot be written to, in a store that a group shares; a kill may have left one that was to be sealed. */
async function isUsable(path: string, size: number): Promise<boolean> {
  try {
    if ((await stat(path)).size !== size) return false
    await chmod(path, 0o644)
    return true
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'EPERM', 'EACCES')) return false
    throw error
  }
}

async function writePieces(
  handle: FileHandle,
  pieces: readonly Uint8Array[],
  offset: number,
): Promise<number> {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
  const { bytesWritten } = await handle.writev([...pieces], offset)
  // A short write is continued, never taken for success.
  if (bytesWritten < length) {
    await writeFully(handle, Buffer.concat(pieces).subarray(bytesWritten), offset + bytesWritten)
  }
  return length
}

interface Notes {
  /** False while the one before is at work still. */
  note(): boolean
  sync(): boolean
  throwIfFailed(): void
  settle(): Promise<void>
}

/** Whether some file of this process is being synced: files that come side by side would take all threads that write. */
let syncing = false

/** Notes and syncs go on beside the writes, one note of each file and one sync of all at a time. */
function keepNotes(journal: Journal, handle: FileHandle, extents: () => Extents): Notes {
  const running = new Map<'note' | 'sync', Promise<void>>()
  const failures: unknown[] = []
  const beside = (kind: 'note' | 'sync', work: () => Promise<void>): boolean => {
    if (running.has(kind)) return false
    const done = work()
      .catch((error: unknown) => void failures.push(error))
      .finally(() => running.delete(kind))
    running.set(kind, done)
    return true
  }
  return {
    note: () => beside('note', () => journal.noteWritten(extents())),
    sync() {
      if (syncing) return false
      syncing = true
      return beside('sync', async () => {
        try {
          const written = extents()
          await handle.datasync()
          await journal.noteSynced(written)
        } finally {
          syncing = false
        }
      })
    },
    throwIfFailed() {
      if (failures.length > 0) throw failures[0]
    },
    settle: async () => void (await Promise.all(running.values())),
  }
}
