import { hostname } from 'node:os'
import { type Digest, isBallastError, systemCode } from '../core/index.ts'
import { inspectTarget, listVariants, readWritable, recordsOf, seeTarget } from '../mount/index.ts'
import type { Store, Use } from '../store/index.ts'
import type { Presence } from './used-by.ts'

export interface NotedUse extends Use {
  readonly is: Presence
}

/** Versions that a directory has, each with what has it there; undefined where it cannot be looked into. */
export interface SeenDirectory {
  readonly current: readonly Digest[]
  /** To which a rollback of the directory returns. */
  readonly former: readonly Digest[]
}

/**
 * Who has which version, as it was noted, and whether that is so now; with `of` of that version alone. Directories of this
 * host are looked into.
 */
export async function lookAtUses(
  store: Store,
  { of, look = createLook() }: { readonly of?: Digest | undefined; readonly look?: Look | undefined } = {},
): Promise<readonly NotedUse[]> {
  const seen: NotedUse[] = []
  for (const use of await store.uses.list()) {
    if (of === undefined || use.digest === of) seen.push({ ...use, is: await presenceOf(use, look) })
  }
  return seen
}

/** Nobody can look at another host: what was brought there counts for so long. */
const ELSEWHERE_MS = 30 * 24 * 60 * 60_000

async function presenceOf(use: Use, look: Look): Promise<Presence> {
  if (use.host !== hostname()) return Date.now() - Date.parse(use.time) > ELSEWHERE_MS ? 'gone' : 'unknown'
  const directory = directoryOf(use)
  const seen = directory === undefined ? undefined : await look(directory)
  if (seen === undefined) return 'unknown'
  return seen.current.includes(use.digest) ? 'there' : 'gone'
}

/** Where a target is on this host; undefined for other uses, and for those of other hosts. */
export function directoryOf({ kind, host, place, directory }: Use): string | undefined {
  if (host !== hostname()) return undefined
  return kind === 'target' ? place : kind === 'volume' ? directory : undefined
}

export type Look = (directory: string) => Promise<SeenDirectory | undefined>

/** Looks into each directory once. */
export function createLook(): Look {
  const known = new Map<string, Promise<SeenDirectory | undefined>>()
  return (directory) => {
    const found = known.get(directory) ?? lookInto(directory)
    known.set(directory, found)
    return found
  }
}

async function lookInto(directory: string): Promise<SeenDirectory | undefined> {
  try {
    const writable = await readWritable(directory)
    if (writable !== undefined) return { current: [writable.marker.digest], former: [] }
    const target = await inspectTarget(directory)
    if (target.kind === 'broken') return undefined
    if (target.kind === 'pinned') return { current: [target.tree.marker.digest], former: [] }
    if (target.kind === 'following') return await followedIn(directory)
    return { current: [], former: [] }
  } catch (error) {
    // What is no directory any more is no target; what cannot be read may be one.
    if (isBallastError(error, 'REFUSED')) return { current: [], former: [] }
    if (isBallastError(error) || systemCode(error) !== undefined) return undefined
    throw error
  }
}

async function followedIn(directory: string): Promise<SeenDirectory> {
  const current: Digest[] = []
  const former: Digest[] = []
  for (const { generations } of (await recordsOf(await seeTarget(directory))).values()) {
    const now = generations.at(-1)?.digest
    if (now !== undefined) current.push(now)
    const before = generations.findLast(({ digest, proof }) => digest !== now && proof?.is !== 'failed')
    if (before !== undefined) former.push(before.digest)
  }
  for (const { variants } of (await listVariants(directory)).values()) {
    for (const { digest } of variants) current.push(digest)
  }
  return { current, former }
}
