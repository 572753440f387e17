import type { Digest } from '../core/index.ts'
import type { Store, Use } from '../store/index.ts'

/** `unknown`: it cannot be looked at from here, as on another host, or costs a connection, as an image in a registry. */
export type Presence = 'there' | 'gone' | 'unknown'

export interface SeenUse extends Use {
  readonly is: Presence
}

/**
 * Targets, volumes and images that were given versions, and have them still as far as can be told; the oldest first. With `of`
 * those of that version alone.
 */
export async function readUsedBy(
  store: Store,
  { of }: { readonly of?: Digest | undefined } = {},
): Promise<(version: Digest) => readonly SeenUse[]> {
  const noted = await store.uses.list()
  if (!noted.some(({ digest }) => of === undefined || digest === of)) return () => []
  // Loaded for those who have to look.
  const { lookAtUses } = await import('./uses.ts')
  const seen = (await lookAtUses(store, { of })).filter(({ kind, is }) => kind !== 'remote' && is !== 'gone')
  const byVersion = Map.groupBy(seen, ({ digest }) => digest)
  return (version) => byVersion.get(version) ?? []
}
