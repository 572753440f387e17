export { type FetchOptions, type FetchRequest, fetchBlob } from './fetch-blob.ts'
export { createLanes, type Lanes, type LanesOptions } from './lanes.ts'
