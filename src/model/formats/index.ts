export { DESCRIBER, describeFiles, type InspectedFile } from './describe.ts'
export {
  type DescribedFile,
  type Description,
  decodeDescription,
  type ExternalFile,
  encodeDescription,
  LARGEST_DESCRIPTION,
} from './description.ts'
export type { FileFacts, Format } from './facts.ts'
export { inspectFile } from './inspect-file.ts'
export { needsExternalData } from './onnx.ts'
export { type RandomAccess, randomAccess } from './random-access.ts'
export {
  describedBy,
  MODEL_DESCRIPTION,
  subjectOfManifest,
} from './referrer.ts'
