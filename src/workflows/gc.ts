import { BallastError, type CallOptions } from '../core/index.ts'
import type { EngineChoice } from '../docker/index.ts'
import type { GcReport, RetentionPolicy, Store } from '../store/index.ts'
import { readHoldings } from './holdings.ts'
import { collectTrees } from './run-trees-unused.ts'
import { tidyUses } from './tidy-uses.ts'
import { createLook, lookAtUses } from './uses.ts'

export interface GcRequest {
  /** Which versions stay; without one, all do. `stored` is the store's own. */
  readonly policy?: RetentionPolicy | 'stored' | undefined
  readonly dryRun?: boolean
  /** Also downloads that broke off lately. */
  readonly partials?: boolean
  readonly places: { readonly engine: EngineChoice; readonly cacheDirectory: string }
}

export interface GcResult extends GcReport {
  readonly warnings: readonly string[]
}

/**
 * Frees what nothing needs any more; with a policy versions go first, but for those that something holds. Throws NOT_FOUND
 * where the store's policy is asked for and there is none, and what `store.gc` throws.
 */
export async function gc(
  store: Store,
  { policy: asked, dryRun = false, partials = false, places }: GcRequest,
  options: CallOptions = {},
): Promise<GcResult> {
  const policy = asked === 'stored' ? await storedPolicy(store) : asked
  // Before the versions that they hold.
  const trees = dryRun ? [] : await collectTrees(store, places, options)
  const look = createLook()
  const uses = await lookAtUses(store, { look })
  if (policy === undefined) {
    const report = await store.gc({ ...options, dryRun, partials })
    if (!dryRun) await tidyUses(store, uses)
    return { ...report, warnings: trees }
  }
  const { now, warnings } = await readHoldings(store, { uses, look, engine: places.engine }, options)
  const report = await store.gc({ ...options, dryRun, partials, retention: { policy, holdings: now } })
  if (!dryRun) await tidyUses(store, uses)
  return { ...report, warnings: [...trees, ...warnings] }
}

async function storedPolicy(store: Store): Promise<RetentionPolicy> {
  const policy = await store.retention.read()
  if (policy !== undefined) return policy
  throw new BallastError('NOT_FOUND', `the store ${store.root} has no policy of its own`, {
    hint: 'give it one: ballast gc --set-policy --keep-last 5 --keep-within 30d',
  })
}

/** Undefined removes it. */
export async function setRetention(store: Store, policy: RetentionPolicy | undefined): Promise<void> {
  await using session = await store.begin({ frees: true })
  await store.retention.write(session, policy)
}
