export { type Cursor, createCursor } from './cursor.ts'
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
export { GGUF_VALUES } from './gguf-types.ts'
export { isPickle } from './hazards.ts'
export { inspectFile, isLfsPointer } from './inspect-file.ts'
export { inspectOnnx, needsExternalData } from './onnx.ts'
export { TORCH_LEGACY } from './pickle.ts'
export { OPCODES as PICKLE_OPCODES } from './pickle-opcodes.ts'
export { eachField, LENGTH_DELIMITED } from './protobuf.ts'
export { Malformed, type RandomAccess, randomAccess, TooLarge } from './random-access.ts'
export { inspectSafetensors } from './safetensors.ts'
export * as zipRecords from './zip-records.ts'
