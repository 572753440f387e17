export { contentEntry, directoryEntry, fileEntry, fileHeader } from './entries.ts'
export {
  encodeHeader,
  isChecksumOf,
  paddingOf,
  TAR_BLOCK,
  TAR_END,
  type TarEntry,
  type TarType,
} from './header.ts'
export { type PackedFile, planPack, writePack } from './pack.ts'
export { decodePax, encodePax, type PaxRecords } from './pax.ts'
export { type EntryWithBody, type LocatedEntry, locateEntries, readTar, readTarBodies } from './reader.ts'
