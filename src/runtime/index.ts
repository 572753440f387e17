/** What an application imports as `ballast/runtime`: find the model at a path, and keep up with its versions. */
export { ModelError, type ModelErrorCode } from './error.ts'
export type { ModelVersion } from './marker.ts'
export { type LoadedModel, type OpenedModel, type OpenOptions, openModel } from './open.ts'
export { type ResolvedModel, type ResolveOptions, resolveModel } from './resolve.ts'
export { type ModelListener, type ModelWatch, type WatchOptions, watchModel } from './watch.ts'
