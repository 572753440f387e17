import { BallastError, createHasher, type Digest } from '../core/index.ts'
import { checkFilePath, decodePackedFiles, encodePackedFiles, type ModelFile } from '../model/index.ts'
import { locateEntries } from '../tar/index.ts'
import { type BlobStore, damagedBlob, missingBlob } from './blobs.ts'
import { ABOUT_BLOBS, type Cache } from './cache.ts'
import type { Session } from './session.ts'

/** A tar archive of small files that is one blob. `size` in bytes. */
export interface Pack {
  readonly digest: Digest
  readonly size: number
}

/** Which files the packs of versions hold, and where in them. */
export interface Packs {
  /**
   * Remembered, or found by reading the archive, which is verified then. Throws NOT_FOUND, DAMAGED for other bytes than
   * the digest's or another size, and REFUSED for an archive of anything but regular files, or of none.
   */
  filesOf(pack: Pack): Promise<readonly ModelFile[]>
  /** Spares the reading to those who come later. */
  remember(session: Session, pack: Pack, files: readonly ModelFile[]): Promise<void>
}

export function createPacks(cache: Cache, blobs: BlobStore): Packs {
  return {
    async filesOf(pack) {
      const cached = await cache.get(ABOUT_BLOBS, pack.digest)
      const known = cached === undefined ? undefined : decodePackedFiles(cached)
      if (known?.length && known.every((file) => isIn(pack, file))) return known
      await requireIntact(blobs, pack)
      return readPack(blobs, pack)
    },
    remember: (session, { digest }, files) =>
      cache.put(session, ABOUT_BLOBS, { digest, data: encodePackedFiles(files) }),
  }
}

/** A manifest may name a pack by another size than it has: nothing found by the one is true of the other. */
function isIn({ digest, size }: Pack, { pack }: ModelFile): boolean {
  return pack?.digest === digest && pack.size === size
}

/** By its bytes: what is found in them becomes digests that everything later is compared with. */
async function requireIntact(blobs: BlobStore, pack: Pack): Promise<void> {
  const found = await blobs.rehash(pack)
  if (found === 'missing') throw missingBlob(pack.digest)
  if (found === 'damaged') throw damagedBlob(pack.digest)
}

/** What the archive says, in one pass over its headers and one over its files. */
async function readPack(blobs: BlobStore, { digest, size }: Pack): Promise<readonly ModelFile[]> {
  const content = blobs.content({ digest, size })
  const files: ModelFile[] = []
  for await (const { entry, offset } of locateEntries(content)) {
    if (entry.type === 'directory') continue
    if (entry.type !== 'file') {
      throw new BallastError('REFUSED', `${JSON.stringify(entry.path)} in ${digest} is not a regular file`)
    }
    const path = checkFilePath(entry.path)
    const hasher = createHasher()
    const range = { offset, length: entry.size }
    for await (const chunk of content.open(range)) hasher.update(chunk)
    files.push({ path, digest: hasher.digest(), size: entry.size, pack: { digest, size, offset } })
  }
  if (files.length === 0) throw new BallastError('REFUSED', `no files in the archive ${digest}`)
  return files
}
