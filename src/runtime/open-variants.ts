import { keepLoaded } from './keep-loaded.ts'
import type { LoadedModel, ReloadOptions } from './open.ts'
import type { PickRequest } from './pick.ts'
import { keepReadiness, type Readiness } from './readiness.ts'
import { type ResolvedModel, sameModel } from './resolve.ts'
import { resolveVariants, sameVariants, type VariantSet } from './variants.ts'
import { watchVariants } from './watch.ts'

/** A variant and what was loaded from its version. */
export interface LoadedVariant<T> extends LoadedModel<T> {
  /** `stable` where the model is not split. */
  readonly variant: string
}

/** Variants that were loaded, with the weights and rules that belong to them. It never changes. */
export interface LoadedVariants<T> {
  readonly set: VariantSet
  readonly loaded: readonly LoadedVariant<T>[]
  /** As `VariantSet.pick`: the same in every process and language. */
  pick(request: PickRequest): LoadedVariant<T>
}

export interface OpenVariantsOptions<T> extends ReloadOptions {
  /** Called after each change. Requests that took the former variants may still be using them. */
  readonly onSwap?: ((current: LoadedVariants<T>, former: LoadedVariants<T>) => void) | undefined
}

export interface OpenedVariants<T> {
  /** Take it once a request where that picks more than once. */
  readonly current: LoadedVariants<T>
  /** What `current.pick` returns: once a request. */
  pick(request: PickRequest): LoadedVariant<T>
  /** Why what the path holds now is not in use: the error that was reported. Undefined while all is well. */
  readonly problem: unknown
  /** Which versions are in use, and which were refused, in the form in which Ballast asks for it (docs/runtime.md). */
  readiness(): Readiness
  /** Stops reloading; `current` stays as it is. */
  close(): void
}

/**
 * Loads all variants at a path, and again what has changed of them. Versions, weights and rules come into use together:
 * a set of which one version cannot be loaded is not used at all, and the former one stays. A version that is in use
 * already, under whichever name, is not loaded again. Throws when the first load fails.
 */
export async function openVariants<T>(
  path: string,
  load: (model: ResolvedModel) => T | Promise<T>,
  options: OpenVariantsOptions<T> = {},
): Promise<OpenedVariants<T>> {
  const kept = await keepLoaded<VariantSet, LoadedVariants<T>>({
    ...options,
    resolve: () => resolveVariants(path, options),
    isSame: sameVariants,
    load: (set, former) => loadVariants(set, { former, load }),
    foundOf: ({ set }) => set,
    watch: (onChange, events) => watchVariants(path, onChange, { ...options, ...events }),
  })
  const { readiness, close } = keepReadiness(kept, options, () => ({
    serving: kept.current.set.variants,
    refused: notIn(kept.current, kept.refused),
    problem: kept.problem,
  }))
  return {
    get current() {
      return kept.current
    },
    pick: (request) => kept.current.pick(request),
    get problem() {
      return kept.problem
    },
    readiness,
    close,
  }
}

async function loadVariants<T>(
  set: VariantSet,
  {
    former,
    load,
  }: {
    readonly former: LoadedVariants<T> | undefined
    readonly load: (model: ResolvedModel) => T | Promise<T>
  },
): Promise<LoadedVariants<T>> {
  const known: LoadedModel<T>[] = [...(former?.loaded ?? [])]
  const loaded: LoadedVariant<T>[] = []
  // One after the other: two at once would need the memory of both loads.
  for (const { name, model } of set.variants) {
    const found = known.find((one) => sameModel(one.model, model)) ?? { model, value: await load(model) }
    known.push(found)
    loaded.push({ variant: name, model, value: found.value })
  }
  const byName = new Map(loaded.map((one) => [one.variant, one]))
  return { set, loaded, pick: (request) => byName.get(set.pick(request).name) as LoadedVariant<T> }
}

function notIn<T>(current: LoadedVariants<T>, refused: VariantSet | undefined): readonly ResolvedModel[] {
  const models = refused?.variants.map(({ model }) => model) ?? []
  return models.filter((model) => !current.loaded.some((one) => sameModel(one.model, model)))
}
