import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ownIdentity, readIfPresent, syncDirectory, writeFileDurably } from '../core/index.ts'
import { type Extents, merged, totalOf, withExtent } from './extents.ts'

/**
 * Which parts of a file have arrived, beside the file. After a kill all that was written is in the system's memory still;
 * after a reboot only what had been synced is certain.
 */
export interface Journal {
  /** Parts that are in the file, whatever came between. */
  read(): Promise<Extents>
  /** What has been written. Good until the next reboot. */
  noteWritten(extents: Extents): Promise<void>
  /** What has been synced. Good for ever. */
  noteSynced(extents: Extents): Promise<void>
  /** To be called before the file is made anew: what was noted of the former one would be taken for true of it. */
  clear(): Promise<void>
}

/** `size` is that of the whole file: a journal of another is none. `mode` of its files, whatever the umask. */
export function openJournal(
  directory: string,
  { size, mode }: { readonly size: number; readonly mode: number | undefined },
): Journal {
  const written = join(directory, 'written.json')
  const synced = join(directory, 'synced.json')
  const boot = ownIdentity().scope.split(' ')[0] ?? ''
  const encode = (extents: Extents): string =>
    JSON.stringify({ size, boot, extents: extents.map(({ offset, length }) => [offset, length]) })
  return {
    async read() {
      const [sure, likely] = await Promise.all([synced, written].map(readIfPresent))
      const known = decode(sure, size)?.extents ?? []
      const later = decode(likely, size)
      return later?.boot === boot ? merged(known, later.extents) : known
    },
    async noteWritten(extents) {
      const temporary = `${written}.next`
      await writeFile(temporary, encode(extents), { mode: mode ?? 0o666 })
      await rename(temporary, written)
    },
    noteSynced: (extents) => writeFileDurably(synced, encode(extents), { mode }),
    async clear() {
      await Promise.all([synced, written].map((path) => rm(path, { force: true })))
      await syncDirectory(directory)
    },
  }
}

interface Note {
  readonly boot: string
  readonly extents: Extents
}

/** Undefined for what is absent, cut short, or about something else. */
function decode(bytes: Buffer | undefined, size: number): Note | undefined {
  try {
    const note = JSON.parse(bytes?.toString('utf8') ?? '') as Record<string, unknown>
    if (note.size !== size || typeof note.boot !== 'string' || !Array.isArray(note.extents)) return undefined
    let extents: Extents = []
    for (const [offset, length] of note.extents as readonly (readonly [number, number])[]) {
      if (!isPlace(offset) || !isPlace(length) || offset + length > size) return undefined
      extents = withExtent(extents, { offset, length })
    }
    return totalOf(extents) > size ? undefined : { boot: note.boot, extents }
  } catch {
    return undefined
  }
}

function isPlace(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
