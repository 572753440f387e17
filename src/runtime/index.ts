/** What an application imports as `ballast/runtime`: find the model at a path, and keep up with its versions. */
export { ModelError, type ModelErrorCode } from './error.ts'
export type { LookOptions, ModelWatch } from './look-out.ts'
export type { ModelVersion } from './marker.ts'
export {
  type LoadedModel,
  type OpenedModel,
  type OpenOptions,
  openModel,
  type ReloadOptions,
} from './open.ts'
export {
  type LoadedVariant,
  type LoadedVariants,
  type OpenedVariants,
  type OpenVariantsOptions,
  openVariants,
} from './open-variants.ts'
export type { PickRequest } from './pick.ts'
export type { Readiness, ReadinessOptions, ServedVersion } from './readiness.ts'
export { type ResolvedModel, type ResolveOptions, resolveModel } from './resolve.ts'
export { resolveVariants, type Variant, type VariantSet } from './variants.ts'
export {
  type ModelListener,
  type VariantsWatchOptions,
  type WatchOptions,
  watchModel,
  watchVariants,
} from './watch.ts'
