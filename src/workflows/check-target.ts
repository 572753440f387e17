import { join } from 'node:path'
import { BallastError, type CallOptions, type Digest } from '../core/index.ts'
import { hubRepository, incompleteShards } from '../model/index.ts'
import {
  checkTree,
  currentGeneration,
  type Followed,
  GENERATIONS,
  inspectTarget,
  isPinned,
  layoutFaults,
  layoutOfLink,
  linkedNames,
  readRoot,
  readState,
  readTree,
  variantTree,
} from '../mount/index.ts'
import type { Store } from '../store/index.ts'
import { withReload } from './check-reload.ts'
import { splitsOf, withSplit } from './check-variants.ts'
import { staleness } from './staleness.ts'
import { versionName } from './version-name.ts'

export interface CheckResult {
  readonly operand: string
  /** What is there: `sentiment:3`; undefined where nothing is. */
  readonly version: string | undefined
  readonly digest: Digest | undefined
  readonly faults: readonly string[]
  readonly extra: readonly string[]
  /** What to do about the faults. */
  readonly mend: string | undefined
  /** What its tag points to by now, where that is another version: `sentiment:prod is sentiment:4 by now`. */
  readonly stale?: string | undefined
  /** Set where there is nothing at all. */
  readonly isEmpty?: true
  /** What is right and worth knowing. */
  readonly notes?: readonly string[]
}

export interface CheckOptions extends CallOptions {
  /** Hash every file instead of looking at sizes, times and inodes. */
  readonly full?: boolean
}

/** Of a directory of this host. A following target gives one result a link. */
export async function checkTarget(
  store: Store,
  { target, operand }: { readonly target: string; readonly operand: string },
  options: CheckOptions,
): Promise<readonly CheckResult[]> {
  const state = await inspectTarget(target)
  if (state.kind === 'pinned')
    return [await checkDelivered(store, { tree: target, operand, again: `${operand} --replace` }, options)]
  if (state.kind === 'following') {
    const { models } = await readState(target)
    const sets = await splitsOf(target)
    const root = await readRoot(target)
    const names = [...new Set([...Object.keys(models), ...linkedNames(root)])]
    const results: CheckResult[] = []
    for (const name of names) {
      const id = await currentGeneration(target, name)
      const tree = id === undefined ? join(target, name) : join(target, GENERATIONS, id)
      const label = names.length === 1 ? operand : `${operand} (${name})`
      const again = `${operand} ${flagsOf(models[name], { name, to: root.get(name) })}`
      const hidden = await layoutFaults(target, name)
      const result = await checkDelivered(store, { tree, operand: label, again, hidden }, options)
      const set = sets.get(name)
      results.push(withReload(withSplit(result, set), models[name]))
      if (set instanceof BallastError) continue
      for (const variant of set?.variants.filter((one) => one.id !== id) ?? []) {
        const place = {
          tree: join(target, variantTree(variant)),
          operand: `${operand} (${name}: ${variant.name})`,
        }
        const found = await checkDelivered(store, { ...place, again: operand }, options)
        const mend = `deliver it again: ballast split ${operand} ${variant.name}=${variant.reference}`
        results.push(found.mend === undefined ? found : { ...found, mend })
      }
    }
    if (results.length > 0) return results
  }
  const what = {
    absent: 'does not exist',
    empty: 'is empty',
    foreign: 'holds files that Ballast did not deliver',
  }
  if (state.kind === 'broken') {
    const mend = `mount the version anew: ballast mount REF ${operand} --replace`
    return [
      { operand, version: undefined, digest: undefined, faults: [state.reason.message], extra: [], mend },
    ]
  }
  const fault = state.kind in what ? what[state.kind as keyof typeof what] : 'holds no model yet'
  const mend = `to mount a model there: ballast mount REF ${operand}`
  return [
    {
      operand,
      version: undefined,
      digest: undefined,
      faults: [`${operand} ${fault}`],
      extra: [],
      mend,
      ...(state.kind === 'empty' && { isEmpty: true as const }),
    },
  ]
}

/** How the link is to be mounted again. */
function flagsOf(
  followed: Followed | undefined,
  { name, to }: { readonly name: string; readonly to: string | undefined },
): string {
  const flag = followed !== undefined && isPinned(followed) ? '--replace' : '--follow --once'
  const layout = layoutOfLink(to)
  const as = layout === 'hf' ? hubRepository(name) : name
  return [flag, ...(layout === undefined ? [] : [`--layout ${layout}`]), `--as ${as}`].join(' ')
}

interface TreeToCheck {
  readonly tree: string
  readonly operand: string
  /** What to mount it again with, behind its reference. */
  readonly again: string
  /** Why it is not found there although it may be whole. */
  readonly hidden?: readonly string[]
}

async function checkDelivered(
  store: Store,
  { tree, operand, again, hidden = [] }: TreeToCheck,
  options: CheckOptions,
): Promise<CheckResult> {
  const found = await readTree(tree)
  if (found === undefined) {
    const faults = ['the version that the link leads to is not there']
    return { operand, version: undefined, digest: undefined, faults, extra: [], mend: 'mount it again' }
  }
  const { marker, version } = found
  const result = await checkTree(tree, version, options)
  const faults = [...result.faults, ...hidden]
  const notes = incompleteShards(version.files.map(({ path }) => path))
  return {
    operand,
    version: versionName(marker),
    digest: version.digest,
    ...result,
    faults,
    ...(await staleness(store, marker)),
    ...(notes.length > 0 && { notes }),
    mend: faults.length === 0 ? undefined : `mount it again: ballast mount ${marker.reference} ${again}`,
  }
}
