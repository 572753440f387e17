import { randomBytes } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isBallastError, shortDigest } from '../core/index.ts'
import { OWN_DIRECTORY } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { checkTree } from './check.ts'
import type { DeliverOptions, Delivery } from './delivery.ts'
import { createIncoming } from './incoming.ts'
import { retireViews } from './layouts/index.ts'
import { linkedGeneration, readRoot } from './links.ts'
import { DIRECTORY_MODE, GENERATIONS, INCOMING } from './names.ts'
import { formerServed, isPending } from './proof.ts'
import { linkSibling, siblingsIn } from './siblings.ts'
import { type Followed, type Generation, isGenerationId } from './state.ts'
import { type Reuse, readTree, writeTree } from './tree.ts'
import { variantGenerations } from './variant-files.ts'

/** Where a version stands below `.ballast/versions/`. */
export interface Place {
  readonly id: string
  readonly bytesCopied: number
  readonly warnings: readonly string[]
}

/** A version that was delivered before and is still whole is used again; else it gets a directory of its own. */
export async function placeGeneration(
  store: Store,
  { target, current, delivery }: { target: string; current: Generation | undefined; delivery: Delivery },
  options: DeliverOptions,
): Promise<Place> {
  const generations = join(target, GENERATIONS)
  const base = `${delivery.marker.number}-${shortDigest(delivery.version.digest)}`
  const taken = (await readdir(generations)).filter((id) => id === base || id.startsWith(`${base}.`))
  const candidates = [current?.id, ...taken].filter(
    (id): id is string => id !== undefined && taken.includes(id),
  )
  for (const id of candidates) {
    if (await isWhole(join(generations, id), delivery)) return { id, bytesCopied: 0, warnings: [] }
  }
  const id = taken.includes(base) ? `${base}.${randomBytes(3).toString('hex')}` : base
  const incoming = await createIncoming(join(target, OWN_DIRECTORY), INCOMING, DIRECTORY_MODE)
  try {
    const siblings = await siblingsIn(generations, delivery.version)
    const reuse: Reuse = {
      has: ({ digest, pack }) => pack === undefined && siblings.has(digest),
      place: (file, at) => linkSibling(file, siblings.get(file.digest) ?? '', at),
    }
    const written = await writeTree(store, { tree: incoming.tree, ...delivery }, { ...options, reuse })
    await incoming.publish(join(generations, id))
    return { id, ...written }
  } finally {
    await incoming.discard()
  }
}

async function isWhole(tree: string, { version, marker }: Delivery): Promise<boolean> {
  const found = await readTree(tree).catch(() => undefined)
  if (found?.version.digest !== version.digest || found.marker.model !== marker.model) return false
  return (await checkTree(tree, version)).faults.length === 0
}

/** Which versions that were replaced stay in a following target. */
export interface Retention {
  /** How long each of them does, in milliseconds, for those who are still opening its files. */
  readonly graceMs: number
  /** How many do whatever their age; one by default. */
  readonly keep?: number | undefined
}

const LONGEST_DOUBT_MS = 24 * 60 * 60_000

/**
 * Former versions go once nobody can be expected to be opening them any more; the newest former ones stay. What a
 * link leads to stays whatever the record says: after a kill, the record of another model may be behind its link. So does
 * what servers are shown, and what variants have; where those cannot be read, all stays. A model whose deliveries have asked for a
 * retention of its own has that, whoever calls.
 */
export async function prune(
  target: string,
  models: readonly Followed[],
  retention: Retention,
): Promise<void> {
  const graceMs = Math.max(retention.graceMs, ...models.map(({ retain }) => retain?.graceMs ?? 0))
  const root = await readRoot(target)
  const linked = [...root.keys()].map((name) => linkedGeneration(root, name))
  const variants = await variantGenerations(target, graceMs).catch((error: unknown) => {
    if (isBallastError(error, 'DAMAGED')) return undefined
    throw error
  })
  if (variants === undefined) return
  const shown = await retireViews(target, { linked: [...root.values()], graceMs })
  const keep = new Set([...linked, ...shown, ...variants, ...recentGenerations(models, retention)])
  const directory = join(target, GENERATIONS)
  for (const id of await readdir(directory)) {
    if (isGenerationId(id) && !keep.has(id)) await rm(join(directory, id), { recursive: true, force: true })
  }
}

/** Those that somebody may still be opening, the newest former ones of each link, and what would be put back. */
export function recentGenerations(models: readonly Followed[], retention: Retention): ReadonlySet<string> {
  const keep = new Set<string>()
  for (const { generations, retain = retention } of models) {
    const { graceMs, keep: formerOnes = 1 } = retain
    const former = formerServed({ generations })
    if (former !== undefined && (formerOnes > 0 || isUnproven(generations))) keep.add(former.id)
    generations.forEach((generation, index) => {
      const replaced = generations[index + 1]?.time
      const age = replaced === undefined ? 0 : Date.now() - Date.parse(replaced)
      // A time that is yet to come was stamped before the clock was set back: nobody knows how long ago that was. It
      // may have been a moment ago; but a clock that was years ahead must not keep a version for years.
      const recent = age < graceMs && age > -LONGEST_DOUBT_MS
      if (recent || index >= generations.length - 1 - formerOnes) keep.add(generation.id)
    })
  }
  return keep
}

/** Whether an application has yet to take the newest one, or has not. */
function isUnproven(generations: readonly Generation[]): boolean {
  const current = generations.at(-1)
  return current !== undefined && (isPending(current) || current.proof?.is === 'failed')
}
