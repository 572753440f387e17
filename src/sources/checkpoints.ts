import { readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BallastError, explainSystemError, isBallastError, isSystemError } from '../core/index.ts'
import { OWN_DIRECTORY, parseJsonValue } from '../model/index.ts'
import { type Scan, scanLocalFiles } from './local-files.ts'
import { type PathFilter, pathFilter } from './patterns.ts'

/** A directory whose marker says that it is whole. */
export interface Checkpoint extends Scan {
  /** Below the directory that was searched; empty for that itself. */
  readonly checkpoint: string
}

export interface CheckpointSearch {
  readonly directory: string
  /** A pattern, as `pathFilter` has it, that names the file which a job writes last into each checkpoint. */
  readonly marker: string
  /** Of the files in the checkpoint. */
  readonly filter?: PathFilter | undefined
}

/**
 * The newest checkpoint that is whole, by the time of its marker: no file of it is newer than the marker, and a marker that
 * is called `.json` is JSON. Throws NOT_FOUND where there is no marker, and REFUSED (retryable) where no marker says that all
 * before it is whole.
 */
export async function findCheckpoint({ directory, marker, filter }: CheckpointSearch): Promise<Checkpoint> {
  const markers = await findMarkers(directory, pathFilter({ include: [marker] }))
  let torn: BallastError | undefined
  for (const found of markers) {
    const checkpoint = found.path.includes('/') ? dirname(found.path) : ''
    try {
      const scan = await scanLocalFiles([join(directory, checkpoint)], { skipOwn: true, filter })
      const why = await whyTorn(found, scan)
      if (why === undefined) return { ...scan, checkpoint }
      torn ??= why
    } catch (error) {
      // A job removes old checkpoints while it writes new ones.
      if (!isBallastError(error, 'NOT_FOUND')) throw error
    }
  }
  throw torn ?? noMarker(directory, marker)
}

interface FoundMarker {
  /** Below the directory. */
  readonly path: string
  readonly place: string
  readonly changedNs: bigint
}

/** Newest first, one a directory. */
async function findMarkers(directory: string, filter: PathFilter): Promise<readonly FoundMarker[]> {
  const found: FoundMarker[] = []
  const visit = async (prefix: string): Promise<void> => {
    for (const entry of await readdir(join(directory, prefix), { withFileTypes: true }).catch(
      unlessInside(prefix),
    )) {
      const path = `${prefix}${entry.name}`
      if (path === OWN_DIRECTORY) continue
      if (entry.isDirectory()) await visit(`${path}/`)
      else if (filter.takes(path)) {
        const place = join(directory, path)
        const info = await stat(place, { bigint: true }).catch(() => undefined)
        if (info?.isFile() === true) found.push({ path, place, changedNs: info.mtimeNs })
      }
    }
  }
  await visit('')
  const ordered = found.sort((a, b) => Number(b.changedNs - a.changedNs) || NATURAL.compare(b.path, a.path))
  const seen = new Set<string>()
  return ordered.filter(({ path }) => !seen.has(dirname(path)) && seen.add(dirname(path)))
}

/** `checkpoint-1000` comes after `checkpoint-500`. */
const NATURAL = new Intl.Collator('en', { numeric: true })

/** A directory below may go at any time; the one that was named has to be there. */
function unlessInside(prefix: string): (error: unknown) => never[] {
  return (error) => {
    if (prefix !== '' && isSystemError(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return []
    if (isSystemError(error, 'ENOENT')) {
      throw new BallastError('NOT_FOUND', `${(error as NodeJS.ErrnoException).path}: no such directory`, {
        cause: error,
        hint: 'make it before the job starts, or name the directory that it writes to',
      })
    }
    throw explainSystemError(error)
  }
}

async function whyTorn(marker: FoundMarker, { files }: Scan): Promise<BallastError | undefined> {
  const newer = files.find(({ state }) => state.changedNs > marker.changedNs)
  if (newer !== undefined) {
    return torn(
      `${marker.path} is older than ${newer.path}: the checkpoint is not whole`,
      'name a marker that the job writes last, or leave out what it goes on writing (--exclude)',
    )
  }
  if (marker.path.endsWith('.json')) {
    const bytes = await readFile(marker.place).catch(() => Buffer.alloc(0))
    if (parseJsonValue(bytes) === undefined)
      return torn(
        `${marker.path} is no whole JSON document: the checkpoint is not whole`,
        'wait for the job to write it',
      )
  }
  return undefined
}

function torn(message: string, hint: string): BallastError {
  return new BallastError('REFUSED', message, { hint, retryable: true })
}

function noMarker(directory: string, marker: string): BallastError {
  return new BallastError('NOT_FOUND', `no checkpoint in ${directory}: there is no ${marker}`, {
    hint: "patterns are paths below the directory ('checkpoint-*/trainer_state.json') or names at any depth ('DONE')",
  })
}
