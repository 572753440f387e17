import type { Digest } from '../core/index.ts'
import type { Store, Use } from '../store/index.ts'
import { standingUses } from './standing-uses.ts'

/** `unknown`: it cannot be looked at from here, as on another host, or costs a connection, as an image in a registry. */
export type Presence = 'there' | 'gone' | 'unknown'

/** `run`: what that command mounts into containers. */
export interface SeenUse extends Omit<Use, 'kind'> {
  readonly kind: Use['kind'] | 'run'
  readonly is: Presence
}

/**
 * Targets, volumes and images that were given versions, and have them still as far as can be told, and what the plugin and `run`
 * have of them; each the oldest first. With `of` those of that version alone are looked at.
 */
export async function readUsedBy(
  store: Store,
  { of }: { readonly of?: Digest | undefined } = {},
): Promise<(version: Digest) => readonly SeenUse[]> {
  const noted = await store.uses.list()
  const toLook = noted.some(({ kind, digest }) => kind !== 'remote' && (of === undefined || digest === of))
  // Loaded for those who have to look.
  const looked = toLook ? await (await import('./uses.ts')).lookAtUses(store, { of }) : []
  const seen = looked.filter(({ kind, is }) => kind !== 'remote' && is !== 'gone')
  const byVersion = Map.groupBy([...seen, ...(await standingUses(store))], ({ digest }) => digest)
  return (version) => byVersion.get(version) ?? []
}
