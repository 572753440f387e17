import { BallastError, type CallOptions, isBallastError } from '../core/index.ts'
import {
  formerVariants,
  newVariants,
  type PlacedVariant,
  type Proof,
  type VariantSet,
} from '../model/index.ts'
import { linkedVersion, putBackVariants, settleVariants } from '../mount/index.ts'
import { type Surroundings, verdictOf } from '../reload/index.ts'
import { type ReloadTask, type ToldAll, tellAll } from './mount-reload-told.ts'

export interface JudgedLink {
  /** Where it is on this host, and its volume if it is one. */
  readonly target: Surroundings['target'] & { readonly directory: string }
  readonly link: string
  readonly task: ReloadTask
}

/**
 * Tells the applications of what the variants of a link are now, and waits until they say that they serve what is new in it. Throws
 * REFUSED where they do not: the variants are as before then, and they have been told of that. Throws what the Engine does, and then
 * the change is judged by the next `split` or `route`.
 */
export async function judgeVariants(
  judged: JudgedLink,
  { set, ...options }: CallOptions & { readonly set: VariantSet },
): Promise<Proof> {
  const change = { target: judged.target.directory, link: judged.link, number: set.number }
  const { verdict, told } = await tellVersions(judged, await versionsToTell(judged, set), options)
  if (verdict.is !== 'failed') {
    await settleVariants(change, { proof: verdict, ...options })
    return verdict
  }
  const back = await putBackVariants(change, { why: verdict.why, ...options }).catch((error: unknown) => {
    // Somebody has moved on: that is judged by them.
    if (isBallastError(error, 'CONFLICT')) return undefined
    throw error
  })
  if (back === undefined) {
    await settleVariants(change, { proof: verdict, ...options })
    throw notTaken(set, verdict.why)
  }
  const former = await tellVersions({ ...judged, only: told }, await usualVersions(judged, back), options)
  await settleVariants({ ...change, number: back.number }, { proof: former.verdict, ...options })
  throw notTaken(set, verdict.why, former.verdict)
}

/** What an application has to load beside what the link leads to; where that is nothing, what it serves anyway. */
async function versionsToTell(judged: JudgedLink, set: VariantSet): Promise<readonly PlacedVariant[]> {
  const { digest } = await linkedVersion(judged.target.directory, judged.link)
  const added = newVariants(set, formerVariants(set)).filter((variant) => variant.digest !== digest)
  return added.length > 0 ? added : usualVersions(judged, set)
}

async function usualVersions(
  { target, link }: JudgedLink,
  { variants }: Pick<VariantSet, 'variants'>,
): Promise<readonly PlacedVariant[]> {
  const usual = variants.find(({ weight }) => weight > 0)
  return [usual ?? (await linkedVersion(target.directory, link))]
}

/** They are told once, of the first one, and asked for each. */
async function tellVersions(
  { target, link, task, only }: JudgedLink & { readonly only?: ToldAll['told'] },
  versions: readonly PlacedVariant[],
  options: CallOptions,
): Promise<ToldAll> {
  const verdicts: ToldAll['verdict'][] = []
  let told = only
  for (const { model, digest, number } of versions) {
    const version = { model, digest, number, name: link }
    const all = await tellAll(task, { target, version, only: told, isTold: verdicts.length > 0 }, options)
    told ??= all.told
    verdicts.push(all.verdict)
    if (all.verdict.is === 'failed') break
  }
  return { verdict: verdictOf(verdicts), told: told ?? new Map() }
}

function notTaken({ by }: VariantSet, why: string, former?: Proof): BallastError {
  const there = former?.is === 'failed' ? `; nor does it take what was there before: ${former.why}` : ''
  const state = former === undefined ? 'is not taken by the application' : 'was put back'
  return new BallastError('REFUSED', `${by} ${state}: ${why}${there}`, {
    hint: 'see what the application says; the same command tries it again',
  })
}
