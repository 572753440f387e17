export { encodeHeader, paddingOf, TAR_BLOCK, TAR_END, type TarEntry, type TarType } from './header.ts'
export { type PackedFile, planPack, writePack } from './pack.ts'
export { decodePax, encodePax, type PaxRecords } from './pax.ts'
export { type LocatedEntry, locateEntries, readTar } from './reader.ts'
