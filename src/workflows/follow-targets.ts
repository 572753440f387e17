import { join } from 'node:path'
import { type BackOff, backOffMs, type Digest, isBallastError } from '../core/index.ts'
import { type AppTarget, parseReference } from '../model/index.ts'
import {
  checkTree,
  currentGeneration,
  type DeliveredTree,
  GENERATIONS,
  inspectTarget,
  type Retention,
  readTree,
} from '../mount/index.ts'
import { millisecondsOf } from '../reload/index.ts'
import { GRACE_MS, linkOf, type Pace } from './mount.ts'
import { versionName } from './version-name.ts'

/** Looks at the store cost little, and what a delivery waits for (room, a lock) is on this host and soon there. */
const LOCAL: Pace = paceOf(1000, { firstMs: 1000, mostMs: 5000 })
const REMOTE_MS = 30_000

/** How often it is looked whether the tag of the store has moved. */
export function localPace({ every, from }: Pick<AppTarget, 'every' | 'from'>): Pace {
  // Where the tag has a source, `every` is about that.
  return every === undefined || from !== undefined ? LOCAL : { ...LOCAL, pauseMs: millisecondsOf(every) }
}

/** How often what is outside of this host is asked. */
export function remotePace({ every }: Pick<AppTarget, 'every'>): Pace {
  return paceOf(every === undefined ? REMOTE_MS : millisecondsOf(every), {
    firstMs: 1000,
    mostMs: 60_000,
  })
}

export function retentionOf({ keep = 1, grace }: Pick<AppTarget, 'keep' | 'grace'>): Required<Retention> {
  return { keep, graceMs: grace === undefined ? GRACE_MS : millisecondsOf(grace) }
}

/** The version that a directory has from before; undefined where there is none, or not whole, or it cannot be read. */
export async function deliveredVersion(
  directory: string,
  target: Pick<AppTarget, 'ref' | 'as' | 'layout' | 'follow'>,
): Promise<{ readonly version: string; readonly digest: Digest } | undefined> {
  const tree = await treeIn(directory, target).catch((error: unknown) => {
    // What is wrong with it is told by the delivery.
    if (isBallastError(error)) return undefined
    throw error
  })
  if (tree === undefined) return undefined
  const { path, found } = tree
  if ((await checkTree(path, found.version)).faults.length > 0) return undefined
  return { version: versionName(found.marker), digest: found.marker.digest }
}

interface FoundTree {
  readonly path: string
  readonly found: DeliveredTree
}

async function treeIn(
  directory: string,
  { ref, as, layout, follow }: Pick<AppTarget, 'ref' | 'as' | 'layout' | 'follow'>,
): Promise<FoundTree | undefined> {
  if (!follow && layout === undefined) return pinnedTree(directory)
  return linkedTree(directory, linkOf({ layout, as }, parseReference(ref)))
}

async function linkedTree(directory: string, name: string): Promise<FoundTree | undefined> {
  if ((await inspectTarget(directory)).kind !== 'following') return undefined
  const id = await currentGeneration(directory, name)
  const path = join(directory, GENERATIONS, id ?? '')
  const found = id === undefined ? undefined : await readTree(path).catch(() => undefined)
  return found && { path, found }
}

async function pinnedTree(path: string): Promise<FoundTree | undefined> {
  const state = await inspectTarget(path)
  return state.kind === 'pinned' ? { path, found: state.tree } : undefined
}

function paceOf(pauseMs: number, backOff: BackOff): Pace {
  return { pauseMs, troubleMs: (failures) => backOffMs(failures, backOff) }
}
