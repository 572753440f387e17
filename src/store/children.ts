import { open } from 'node:fs/promises'
import { type Digest, isSystemError, named } from '../core/index.ts'
import { type Descriptor, followedFrom, LARGEST_MANIFEST, mayBeManifest } from '../model/index.ts'
import { resolveAlias } from './aliases.ts'
import { blobPath, type StoreLayout } from './layout.ts'

/** Enough to tell a manifest from weights; beyond that, white space is read as a manifest would be. */
const PEEK_SIZE = 4096

/**
 * What a blob refers to; nothing for one that is absent or no manifest. Large files are not read. What it names by
 * another digest than sha256 is found by its alias.
 */
export async function storedChildren(layout: StoreLayout, digest: Digest): Promise<readonly Descriptor[]> {
  const bytes = await storedManifest(blobPath(layout, digest))
  const children: Descriptor[] = []
  for (const child of bytes === undefined ? [] : followedFrom(bytes)) {
    const resolved = await resolveAlias(layout, child.digest)
    if (resolved !== undefined) children.push({ ...child, digest: resolved })
  }
  return children
}

/** The bytes of the blob at this path if it may be a manifest. Not verified. */
export async function storedManifest(path: string): Promise<Buffer | undefined> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return undefined
    throw error
  })
  if (handle === undefined) return undefined
  try {
    return await named(path, async () => {
      if ((await handle.stat()).size > LARGEST_MANIFEST) return undefined
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(PEEK_SIZE), 0, PEEK_SIZE, 0)
      return mayBeManifest(buffer.subarray(0, bytesRead)) ? handle.readFile() : undefined
    })
  } finally {
    await handle.close()
  }
}
