import { join, resolve, sep } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { ModelError } from './error.ts'
import { type Location, locate, MOVED } from './locate.ts'
import type { ModelVersion } from './marker.ts'

export interface ResolveOptions {
  /** Which of several models, by its link's name, when the path is a following target's root. */
  readonly name?: string | undefined
}

/** One whole version. Whatever is opened below `directory` belongs to it, also after the path has moved on. */
export interface ResolvedModel {
  /** Absolute, with no link in it. */
  readonly directory: string
  /** Undefined for a directory that Ballast did not deliver. */
  readonly version: ModelVersion | undefined
  /** The absolute path of one of its files, which need not exist. Throws TypeError for a path that leaves the model. */
  file(relativePath: string): string
}

export interface Resolution {
  readonly model: ResolvedModel
  readonly watched: string
}

/** A path that moves on at each look is swapped faster than it can be read; more looks would not help. */
const MOST_LOOKS = 10
const LONGEST_PAUSE_MS = 20

/**
 * Resolves the path once to the version that is there now. Take it for each load, and open every file through it:
 * files opened by the path itself can belong to two versions while the model is swapped.
 * Throws ModelError when there is no model, the system's error when it may not be read.
 */
export async function resolveModel(path: string, options: ResolveOptions = {}): Promise<ResolvedModel> {
  return (await resolveWatched(path, options)).model
}

export function sameModel(a: ResolvedModel, b: ResolvedModel): boolean {
  return a.directory === b.directory && a.version?.digest === b.version?.digest
}

export function resolveWatched(path: string, { name }: ResolveOptions): Promise<Resolution> {
  const absolute = resolve(path)
  return untilStill(absolute, async () => {
    const found = await locate(absolute, name)
    return found === MOVED ? MOVED : resolutionOf(found)
  })
}

/** Looks until what is at the path stays for as long as a look takes. Throws what the last look throws. */
export async function untilStill<T>(path: string, look: () => Promise<T | typeof MOVED>): Promise<T> {
  for (let looks = 1; ; looks++) {
    const found = await look().catch((error: unknown): typeof MOVED => {
      // A version removed between the link and its directory looks like one that never was.
      if (looks < MOST_LOOKS && error instanceof ModelError && error.code === 'MISSING') return MOVED
      throw error
    })
    if (found !== MOVED) return found
    if (looks === MOST_LOOKS) {
      throw new ModelError(
        'MISSING',
        path,
        `${path} led to another version at each of ${looks} looks: let the swaps come to an end and try again`,
      )
    }
    await pause(Math.min(2 ** (looks - 1), LONGEST_PAUSE_MS))
  }
}

function resolutionOf({ directory, version, watched }: Location): Resolution {
  return { model: modelAt(directory, version), watched }
}

export function modelAt(directory: string, version: ModelVersion | undefined): ResolvedModel {
  const file = (relativePath: string): string => {
    const path = resolve(directory, relativePath)
    if (path.startsWith(join(directory, sep))) return path
    throw new TypeError(`${JSON.stringify(relativePath)} is not a file of the model`)
  }
  return { directory, version, file }
}
