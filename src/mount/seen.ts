import { join } from 'node:path'
import { linkedGeneration, linkedNames, readRoot, type TargetRoot } from './links.ts'
import { GENERATIONS } from './names.ts'
import { type Followed, readState, type TargetRecord, withUnrecorded } from './state.ts'
import { type DeliveredTree, readTree } from './tree.ts'

/** A following target as it was read, in whichever way. */
export interface SeenTarget {
  readonly root: TargetRoot
  readonly state: TargetRecord
  /** What stands in a version's directory; undefined where that cannot be told. */
  readonly readGeneration: (id: string) => Promise<DeliveredTree | undefined>
}

/** A directory of this host. Throws DAMAGED for a state that cannot be read. */
export async function seeTarget(target: string): Promise<SeenTarget> {
  return {
    root: await readRoot(target),
    state: await readState(target),
    readGeneration: (id) => readTree(join(target, GENERATIONS, id)).catch(() => undefined),
  }
}

/**
 * What stands behind each link by its name. After a kill a link may be ahead of the state, or not be in it at all: then what
 * it leads to comes last, at a time that nobody knows (an empty text).
 */
export async function recordsOf({
  root,
  state,
  readGeneration,
}: SeenTarget): Promise<ReadonlyMap<string, Followed>> {
  const records = new Map(Object.entries(state.models))
  for (const name of linkedNames(root)) {
    const id = linkedGeneration(root, name)
    const found = records.get(name) ?? (await begun(id, readGeneration))
    if (found === undefined) continue
    records.set(name, await withUnrecorded(found, { id, readGeneration, time: '' }))
  }
  return records
}

async function begun(
  id: string | undefined,
  readGeneration: SeenTarget['readGeneration'],
): Promise<Followed | undefined> {
  const tree = id === undefined ? undefined : await readGeneration(id)
  if (tree === undefined) return undefined
  const { model, reference } = tree.marker
  return { model, reference, files: [], generations: [] }
}
