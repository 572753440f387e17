import { BallastError } from '../core/index.ts'
import { isServerLayout, type Marker } from '../model/index.ts'
import type { Delivery } from './delivery.ts'
import type { Retention } from './generations.ts'
import type { Layout } from './links.ts'
import { withRefusal } from './proof.ts'
import { type Followed, isPinned, type TargetRecord, withGeneration } from './state.ts'

/** What decides whether a link may move, and what its record says afterwards. */
export interface MoveOptions {
  /** What made it move, for the history: `mount`, `follow`, `rollback`. */
  readonly by: string
  /** By default `link`; of a move back, what the link has. A `flat` one is pinned. */
  readonly layout?: Layout | undefined
  /** Whether the link shows one version until another is put in its place with `replace`. */
  readonly pinned?: boolean
  readonly replace?: boolean
  /** Set where an application is to take the version over; it is not for the first version of a link. */
  readonly proof?: 'pending' | undefined
  /** What the link has to lead to before, and why it is left: it is not tried again until the tag moves. */
  readonly leaves?: { readonly id: string; readonly why: string } | undefined
}

/** Moves that make the link go on following what it followed, in the layout that it has. */
const VISITS = ['rollback', 'put back']

export function isVisit({ by }: Pick<MoveOptions, 'by'>): boolean {
  return VISITS.includes(by)
}

/** What is recorded of the link, or what a new one begins with. Throws CONFLICT for the link of another model. */
export function recordOf(
  { models }: TargetRecord,
  { link, name, marker }: { readonly link: string; readonly name: string; readonly marker: Marker },
): { readonly known: Followed | undefined; readonly followed: Followed } {
  const known = Object.hasOwn(models, name) ? models[name] : undefined
  if (known !== undefined && known.model !== marker.model) {
    throw new BallastError('CONFLICT', `${link} belongs to the model ${known.model}`, {
      hint: 'nothing was changed; give this model a link of its own with --as',
    })
  }
  const { model, reference } = marker
  return { known, followed: known ?? { model, reference, files: [], generations: [] } }
}

/** A link that follows is not pinned in passing, nor a pinned one moved. Throws CONFLICT. */
export function refuseOtherUse(
  link: string,
  { known, delivery }: { readonly known: Followed | undefined; readonly delivery: Delivery },
  { layout, pinned, replace = false, by }: MoveOptions,
): void {
  if (known === undefined || isVisit({ by })) return
  const pins = layout === 'flat' || pinned === true
  if (!isPinned(known) && pins) {
    throw new BallastError('CONFLICT', `${link} follows ${known.reference} already`, {
      hint: 'mount with --follow to go on so, or name another target',
    })
  }
  if (isPinned(known) && !pins) {
    throw new BallastError('CONFLICT', `${link} is a mount of one version, so it cannot follow a tag`, {
      hint: 'unmount it first, or name another target',
    })
  }
  const digest = known.generations.at(-1)?.digest
  if (!pins || replace || digest === undefined || digest === delivery.version.digest) return
  throw new BallastError('CONFLICT', `${link} is a mount of another version (${digest})`, {
    hint: 'put the new one in its place with --replace, or use --follow where versions are to change',
  })
}

export interface Arrival {
  /** Of the version's directory. */
  readonly id: string
  readonly delivery: Delivery
  /** The links beside the directory's. */
  readonly files: readonly string[]
}

/** The record once the link leads there; `moved` unless it was the newest in it already. */
export function recordAfter(
  followed: Followed,
  { id, delivery: { version, marker }, files }: Arrival,
  { by, layout, pinned, keep, graceMs, proof, leaves }: MoveOptions & Partial<Retention>,
): { readonly next: Followed; readonly moved: boolean } {
  const moved = followed.generations.at(-1)?.id !== id
  const time = new Date().toISOString()
  const isAnother = followed.generations.length > 0
  const generation = {
    ...{ id, digest: version.digest, number: marker.number, time, by },
    ...(proof !== undefined && isAnother && { proof: { is: proof } }),
  }
  const { refused, ...rest } = leaves === undefined ? followed : withRefusal(followed, leaves)
  const left = isVisit({ by }) && refused !== undefined ? { ...rest, refused } : rest
  return {
    moved,
    next: {
      ...(moved ? withGeneration(left, generation) : left),
      ...(layout === 'flat' && { flat: true as const }),
      ...(pinned === true && { pinned }),
      ...(keep !== undefined && isServerLayout(layout) && { keep }),
      ...(keep !== undefined && graceMs !== undefined && { retain: { keep, graceMs } }),
      reference: isVisit({ by }) ? followed.reference : marker.reference,
      files,
    },
  }
}
