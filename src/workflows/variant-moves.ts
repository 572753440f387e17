import type { CallOptions } from '../core/index.ts'
import type { EngineChoice } from '../docker/index.ts'
import type { VariantChange, VariantSet } from '../model/index.ts'
import { listVariants } from '../mount/index.ts'
import { withEngine } from './engine-access.ts'
import type { Move } from './moves.ts'
import { openVolume } from './volume-place.ts'

/** What `split` and `route` did in a target, oldest first, for each of its links. Throws DAMAGED. */
export async function variantMoves(target: string): Promise<readonly (readonly Move[])[]> {
  return [...(await listVariants(target))].map(([link, set]) => movesOfSet(link, set))
}

/** The same of a volume; nothing of one that only containers get at, which cannot be split. */
export function volumeVariantMoves(
  choice: EngineChoice,
  name: string,
  options: CallOptions,
): Promise<readonly (readonly Move[])[]> {
  return withEngine(choice, async (engine) => {
    const { directory } = await openVolume(engine, { name, use: 'read' }, options)
    return directory === undefined ? [] : variantMoves(directory)
  })
}

/** One for each variant that a change gave another version, weight or tenant. */
function movesOfSet(link: string, set: VariantSet): readonly Move[] {
  let before: VariantChange | undefined
  return [...set.former, set].flatMap((change) => {
    const { time, by, proof } = change
    const was = new Map((before?.variants ?? []).map(({ name }) => [name, stateOf(name, before)]))
    before = change
    const changed = change.variants.filter(({ name }) => was.get(name) !== stateOf(name, change))
    const gone = [...was.keys()].filter((name) => change.variants.every((variant) => variant.name !== name))
    const move = { time, by, ...(proof && { proof }) }
    return [
      ...changed.map(({ name, digest, number }) => ({ ...move, tag: `${link} ${name}`, digest, number })),
      ...gone.map((name) => ({ ...move, tag: `${link} ${name}`, digest: undefined, number: undefined })),
    ]
  })
}

function stateOf(name: string, change: VariantChange | undefined): string {
  const variant = change?.variants.find((one) => one.name === name)
  const tenants = change?.rules.filter((rule) => rule.variant === name).map(({ tenant }) => tenant)
  return JSON.stringify([variant?.id, variant?.weight, tenants])
}
