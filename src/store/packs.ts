import { BallastError, type Content, createHasher, type Digest } from '../core/index.ts'
import { checkFilePath, decodePackedFiles, encodePackedFiles, type ModelFile } from '../model/index.ts'
import { locateEntries } from '../tar/index.ts'
import type { Cache } from './cache.ts'
import type { Session } from './session.ts'

/** A tar archive of small files that is one blob. `size` in bytes. */
export interface Pack {
  readonly digest: Digest
  readonly size: number
}

/** Which files the packs of versions hold, and where in them. */
export interface Packs {
  /** Remembered, or found by reading the archive once. Throws NOT_FOUND, DAMAGED, and REFUSED for unsafe contents. */
  filesOf(pack: Pack): Promise<readonly ModelFile[]>
  /** Spares the reading to whoever has just written the archive. */
  remember(session: Session, pack: Pack, files: readonly ModelFile[]): Promise<void>
}

const KIND = 'packs'

export function createPacks(cache: Cache, open: (pack: Pack) => Content): Packs {
  return {
    async filesOf(pack) {
      const cached = await cache.get(KIND, pack.digest)
      const known = cached === undefined ? undefined : decodePackedFiles(cached)
      return known ?? readPack(open(pack), pack)
    },
    remember: (session, { digest }, files) =>
      cache.put(session, KIND, { digest, data: encodePackedFiles(files) }),
  }
}

/** What the archive says, in one pass over its headers and one over its files. */
async function readPack(content: Content, { digest, size }: Pack): Promise<readonly ModelFile[]> {
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
  return files
}
