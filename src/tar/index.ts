export { encodeHeader, paddingOf, TAR_BLOCK, TAR_END, type TarEntry, type TarType } from './header.ts'
export { decodePax, encodePax, type PaxRecords } from './pax.ts'
export { readTar } from './reader.ts'
