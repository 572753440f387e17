import type { Digest } from '../../core/index.ts'
import { hubDirectory, lastPart, type RepositoryName, type ServerLayout } from '../../model/index.ts'
import type { Followed } from '../state.ts'
import { planHub } from './hub.ts'
import type { PlacedVersion, ViewPlan, ViewRequest } from './layout.ts'
import { planServing } from './tfserving.ts'
import { planTriton } from './triton.ts'

const PLANS: Readonly<Record<ServerLayout, (request: ViewRequest) => Promise<ViewPlan>>> = {
  triton: planTriton,
  tfserving: planServing,
  hf: planHub,
}

/** What the server is to find. Throws REFUSED for a version that it could not find so. */
export function planView(layout: ServerLayout, request: ViewRequest): Promise<ViewPlan> {
  return PLANS[layout](request)
}

/** The link of a model, whose full name this is. Throws USAGE for one that the layout cannot have. */
export function linkOfLayout(
  layout: ServerLayout,
  { model, as }: { readonly model: RepositoryName; readonly as: string | undefined },
): string {
  if (layout === 'hf') return hubDirectory(as ?? model)
  return as ?? lastPart(model)
}

/**
 * Which former versions are shown beside the current one, newest first. Of layouts with numbers only lower ones, because a server
 * takes the highest for the newest: after a rollback the higher ones are hidden. Nor is shown what an application did not take.
 * By default one is, since a server may have begun to load it.
 */
export async function formerShown(
  layout: ServerLayout,
  { followed, current }: { readonly followed: Followed; readonly current: PlacedVersion },
  {
    keep = 1,
    place,
  }: {
    readonly keep?: number | undefined
    readonly place: (id: string) => Promise<PlacedVersion | undefined>
  },
): Promise<readonly PlacedVersion[]> {
  const found = new Map<Digest, PlacedVersion>()
  for (const { id, digest, number, proof } of [...followed.generations].reverse()) {
    if (found.size >= keep) break
    const isHidden = layout === 'hf' ? false : number >= current.marker.number || proof?.is === 'failed'
    if (isHidden || digest === current.version.digest || found.has(digest)) continue
    const placed = await place(id)
    // Who may write to the target may have written another number there.
    if (placed?.version.digest === digest && placed.marker.number === number) found.set(digest, placed)
  }
  return [...found.values()]
}
