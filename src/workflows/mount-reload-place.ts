import type { CallOptions } from '../core/index.ts'
import { type EngineChoice, type VolumeHelper, withVolumeHelper } from '../docker/index.ts'
import type { Proof } from '../model/index.ts'
import {
  currentGeneration,
  type Followed,
  lookIntoVolume,
  type PutBack,
  putBack,
  putBackByHelper,
  recordsOf,
  seeTarget,
  settleByHelper,
  settleProof,
} from '../mount/index.ts'
import type { Surroundings } from '../reload/index.ts'
import type { Store } from '../store/index.ts'
import { withEngine } from './engine-access.ts'
import { GRACE_MS } from './mount.ts'

/** A link by which applications find their model. */
export interface ReloadedPlace {
  readonly target: Surroundings['target']
  /** Of the link. */
  readonly name: string
  /** The directory of the version that it leads to; undefined where to look is not cheap. */
  readonly linked: (() => Promise<string | undefined>) | undefined
  /** Undefined where there is no such link. */
  readonly followed: () => Promise<Followed | undefined>
  readonly settle: (id: string, proof: Proof) => Promise<void>
  /** Undefined where there is no other version. Throws CONFLICT where the link does not lead to `id` any more. */
  readonly putBack: (id: string, why: string) => Promise<PutBack | undefined>
}

/** On this host. */
export function placeHere(
  store: Store,
  {
    directory,
    volume,
    name,
    link,
  }: {
    readonly directory: string
    readonly volume?: string
    readonly name: string
    readonly link: boolean
  },
  options: CallOptions,
): ReloadedPlace {
  return {
    target: { directory, volume },
    name,
    linked: () => currentGeneration(directory, name),
    followed: async () => (await recordsOf(await seeTarget(directory))).get(name),
    settle: (id, proof) => settleProof(directory, { name, id, proof }, options),
    putBack: (id, why) =>
      putBack(store, { target: directory, name, id, why }, { ...options, link, graceMs: GRACE_MS }),
  }
}

/** In a volume that only containers get at. */
export function placeInVolume(
  store: Store,
  { volume, name }: { readonly volume: string; readonly name: string },
  { engine: choice, ...options }: CallOptions & { readonly engine: EngineChoice },
): ReloadedPlace {
  const withHelper = <T>(work: (helper: VolumeHelper) => Promise<T>): Promise<T> =>
    withEngine(choice, (engine) => withVolumeHelper(engine, { volume, signal: options.signal }, work))
  return {
    target: { directory: undefined, volume },
    name,
    linked: undefined,
    followed: () =>
      withHelper(async (helper) =>
        (await recordsOf(await lookIntoVolume(helper, `volume:${volume}`, options))).get(name),
      ),
    settle: (id, proof) =>
      withHelper((helper) => settleByHelper({ helper, volume }, { name, id, proof }, options)),
    putBack: (id, why) =>
      withHelper((helper) =>
        putBackByHelper(store, { helper, volume }, { name, id, why }, { ...options, graceMs: GRACE_MS }),
      ),
  }
}
