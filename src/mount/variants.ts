import { join } from 'node:path'
import { BallastError } from '../core/index.ts'
import {
  editVariants,
  noVariants,
  type PlacedVariant,
  type Proof,
  type VariantEdit,
  type VariantSet,
} from '../model/index.ts'
import type { Store } from '../store/index.ts'
import type { DeliverOptions, Delivery } from './delivery.ts'
import { withTargetLock } from './following.ts'
import { placeGeneration, prune } from './generations.ts'
import { layoutOfLink } from './layouts/index.ts'
import { linkedGeneration, type TargetRoot } from './links.ts'
import { GENERATIONS } from './names.ts'
import { seeTarget } from './seen.ts'
import { inspectTarget, refuseLinks } from './target.ts'
import { readVariants, writeVariants } from './variant-files.ts'

export interface VariantsRequest {
  readonly target: string
  readonly link: string
  /** Versions for variants, by the variants' names. */
  readonly deliveries: ReadonlyMap<string, Delivery>
  /** Variants that are to be what the link leads to, and to move with it. */
  readonly ofLink: readonly string[]
  readonly edit: Omit<VariantEdit, 'placed'>
}

export interface VariantsOptions extends DeliverOptions {
  /** Of the change, until it is known whether an application takes it. */
  readonly proof?: Proof | undefined
  /** What was asked for, for the history. */
  readonly by: string
  /** How long a version that no set and no link has any more stays, in milliseconds. */
  readonly graceMs: number
  /** What to throw for a version that cannot be delivered, in place of the error. */
  readonly explain?: (error: unknown, variant: string) => Promise<unknown>
}

export interface VariantsChanged {
  readonly before: VariantSet
  readonly after: VariantSet
  readonly bytesCopied: number
  readonly warnings: readonly string[]
}

/**
 * Changes the variants of a link: the versions are complete and durable before the one file that names them, their weights
 * and the rules is replaced, by one rename(2). Throws NOT_FOUND for a target or link that is not there, REFUSED for
 * one that is laid out for a model server, and what `editVariants` does.
 */
export async function changeVariants(
  store: Store,
  { target, link, deliveries, ofLink, edit }: VariantsRequest,
  options: VariantsOptions,
): Promise<VariantsChanged> {
  await requireFollowing(target)
  return withTargetLock(target, options, async () => {
    const { root, state } = await seeTarget(target)
    refuseLayout(root, { target, link })
    const linked = await linkedVersion(target, link)
    const before = (await readVariants(target, link)) ?? noVariants(linked.model)
    const change = (placed: ReadonlyMap<string, PlacedVariant>): VariantSet =>
      editVariants(before, { ...edit, placed }, { time: new Date().toISOString(), by: options.by })
    const placed = new Map<string, PlacedVariant>(ofLink.map((name) => [name, { ...linked, ofLink: true }]))
    // What makes no sense is refused before a byte is copied.
    change(
      new Map([
        ...placed,
        ...[...deliveries].map(([name, { marker }]) => [name, { id: '', ...marker }] as const),
      ]),
    )
    let bytesCopied = 0
    const warnings: string[] = []
    for (const [name, delivery] of deliveries) {
      const place = { target, current: undefined, delivery }
      const { id, ...written } = await placeGeneration(store, place, options).catch(
        async (error: unknown) => {
          throw options.explain === undefined ? error : await options.explain(error, name)
        },
      )
      placed.set(name, { id, ...delivery.marker })
      bytesCopied += written.bytesCopied
      warnings.push(...written.warnings)
    }
    const changed = change(placed)
    const { proof } = options
    const after = changed === before || proof === undefined ? changed : { ...changed, proof }
    if (after !== before) await writeVariants(target, { link, set: after })
    await prune(target, Object.values(state.models), options)
    return { before, after, bytesCopied, warnings }
  })
}

/** A model server knows versions by their numbers, and reads no weights. */
function refuseLayout(
  root: TargetRoot,
  { target, link }: { readonly target: string; readonly link: string },
): void {
  const layout = layoutOfLink(root.get(link))
  if (layout === undefined) return
  throw new BallastError(
    'REFUSED',
    `${join(target, link)} is laid out for ${layout}, which reads no variants`,
    {
      hint: 'a model server serves several versions itself: show it more with --keep, and ask it for one by its number',
    },
  )
}

/** Throws NOT_FOUND for what is no following target. */
export async function requireFollowing(target: string): Promise<void> {
  const { kind } = await inspectTarget(target)
  if (kind !== 'following') {
    throw new BallastError(
      'NOT_FOUND',
      `${target} is not a target that follows a tag, so it cannot be split`,
      {
        hint: `to make it one: ballast mount REF ${target} --follow --once`,
      },
    )
  }
  await refuseLinks(target)
}

/** What a link leads to. Throws NOT_FOUND. */
export async function linkedVersion(target: string, link: string): Promise<PlacedVariant> {
  const { root, readGeneration } = await seeTarget(target)
  const id = linkedGeneration(root, link)
  const tree = id === undefined ? undefined : await readGeneration(id)
  if (id !== undefined && tree !== undefined) return { id, ...tree.marker }
  throw new BallastError('NOT_FOUND', `${join(target, link)} leads to no version`, {
    hint: `to deliver one: ballast mount REF ${target} --follow --once --as ${link}`,
  })
}

/** Where a variant's version is, below the target. */
export function variantTree({ id }: { readonly id: string }): string {
  return `${GENERATIONS}/${id}`
}
