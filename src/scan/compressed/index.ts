export { decompress, type Engine, METHODS } from './decompress.ts'
export { type Compression, compressionOf } from './detect.ts'
export { scanCompressed } from './scan-compressed.ts'
