export { collectRemote, type RemoteGcReport } from './gc.ts'
export { listModels } from './models.ts'
export { type BucketRepository, openBucketRepository } from './repository.ts'
