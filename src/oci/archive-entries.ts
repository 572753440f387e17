import { posix } from 'node:path'
import { BallastError, type CallOptions, isBallastError, throwIfAborted } from '../core/index.ts'
import { locateEntries, type TarEntry } from '../tar/index.ts'
import type { ArchiveFile, Extent } from './archive-file.ts'

/** Where the files of an archive begin and end. */
export interface ArchiveEntries {
  /**
   * By name; undefined where there is no such file. Links are followed inside the archive only. Throws DAMAGED for a
   * name or a link that leads out of it, and for links that lead nowhere but to each other.
   */
  find(name: string): Extent | undefined
}

/** Of a hundred images with a hundred layers each, and bounded memory for any other. */
export const MOST_ENTRIES = 50_000
/** Nothing in an image's archive is called so. */
const LONGEST_NAME = 255
const MOST_LINKS = 8

type Located = Extent | { readonly link: string }

/**
 * One pass over the headers. Throws DAMAGED for what is not a tar, is cut short, holds an entry that leads out of it
 * or two of the same name (readers differ in which of them counts); REFUSED above 50,000 entries.
 */
export async function readEntries(file: ArchiveFile, options: CallOptions = {}): Promise<ArchiveEntries> {
  const located = new Map<string, Located>()
  let count = 0
  try {
    for await (const { entry, offset } of locateEntries(file.content)) {
      throwIfAborted(options.signal)
      if (++count > MOST_ENTRIES) throw tooMany(file)
      const name = insideOf(entry.path)
      if (name === undefined) throw damaged(file, `its entry ${printable(entry.path)} leads out of it`)
      const place = placeOf(name, { entry, offset })
      if (place === undefined || name.length > LONGEST_NAME) continue
      if (located.has(name)) throw damaged(file, `it holds two entries called ${printable(name)}`)
      located.set(name, place)
    }
  } catch (error) {
    if (!isBallastError(error, 'DAMAGED') || error.message.startsWith(file.path)) throw error
    throw damaged(file, error.message, error)
  }
  return { find: (name) => findIn(located, { file, name }) }
}

/** Undefined for what has no bytes that anything could refer to. */
function placeOf(
  name: string,
  { entry, offset }: { readonly entry: TarEntry; readonly offset: number },
): Located | undefined {
  if (entry.type === 'file') return { offset, size: entry.size }
  if (entry.link === undefined || entry.link.length > LONGEST_NAME) return undefined
  return { link: entry.type === 'hardlink' ? entry.link : relativeTo(name, entry.link) }
}

/** A symbolic link counts from its own directory. An absolute one stays absolute, and is refused when it is followed. */
function relativeTo(name: string, link: string): string {
  return link.startsWith('/') ? link : `${posix.dirname(name)}/${link}`
}

function findIn(
  located: ReadonlyMap<string, Located>,
  { file, name }: { readonly file: ArchiveFile; readonly name: string },
): Extent | undefined {
  let at = name
  for (let links = 0; links <= MOST_LINKS; links++) {
    const inside = insideOf(at)
    if (inside === undefined) throw damaged(file, `${printable(name)} leads out of it, to ${printable(at)}`)
    const found = located.get(inside)
    if (found === undefined || !('link' in found)) return found
    at = found.link
  }
  throw damaged(file, `${printable(name)} is a link that leads to no file`)
}

/** The name without `.` and `..`; undefined where it leads out of the archive. */
function insideOf(path: string): string | undefined {
  const name = posix.normalize(path)
  return name.startsWith('/') || name === '..' || name.startsWith('../') ? undefined : name
}

/** A name from an archive, fit to be shown. */
export function printable(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name)
}

function damaged(file: ArchiveFile, why: string, cause?: unknown): BallastError {
  return new BallastError('DAMAGED', `${file.path} is not an image archive that can be read: ${why}`, {
    hint: 'get the file again, or save the image again (docker save, podman save, skopeo; ballast push for models)',
    cause,
  })
}

function tooMany(file: ArchiveFile): BallastError {
  return new BallastError('REFUSED', `${file.path} holds more than ${MOST_ENTRIES} entries`, {
    hint: 'an archive of images has a few for each layer; docker export makes another kind of tar: use docker save',
  })
}
