import { open } from 'node:fs/promises'
import { join } from 'node:path'
import {
  BallastError,
  type CallOptions,
  type Content,
  fileContent,
  readAll,
  slice,
  writeFully,
} from '../core/index.ts'
import { fetchBlob } from '../fetch/index.ts'
import { type BlobDescriptor, compressionOf, decompressed, type ImageRepository } from '../oci/index.ts'
import type { RemoteFile } from '../sources/index.ts'
import type { Session, Store } from '../store/index.ts'
import { locateEntries } from '../tar/index.ts'

interface RemoteArchive {
  readonly session: Session
  readonly repository: ImageRepository
  readonly blob: BlobDescriptor
  /** For progress. */
  readonly item: string
  /** What is read is held against another digest later, so that it may be read where it is, in parts. */
  readonly isProven?: boolean
}

/** Enough to tell how it is compressed. */
const HEAD = 6

/**
 * The files of a tar archive in a remote, compressed or not, by the paths that it gives them. One that is not proven otherwise is brought into the store
 * first, whole and verified, from which `gc` removes it again. Throws DAMAGED, and REFUSED for links and special files: a
 * version has none.
 */
export async function filesInArchive(
  store: Store,
  { session, repository, blob, item, isProven = false }: RemoteArchive,
  options: CallOptions = {},
): Promise<readonly RemoteFile[]> {
  const remote = repository.openBlob(blob, { signal: options.signal })
  const head = await readAll(remote.open({ offset: 0, length: Math.min(HEAD, blob.size) }), HEAD)
  const isPlain = compressionOf(head) === undefined
  const content =
    isPlain && isProven ? remote : await fetched(store, { session, repository, blob, item }, options)
  const tar = isPlain ? content : await unpacked(content, { session, blob }, options)
  const files: RemoteFile[] = []
  for await (const { entry, offset } of locateEntries(tar)) {
    if (entry.type === 'directory') continue
    if (entry.type !== 'file') {
      throw new BallastError(
        'REFUSED',
        `${JSON.stringify(entry.path)} in ${item} is a ${entry.type}, and no file`,
        {
          hint: 'a model is made of files; ask whoever packed it to pack what the link leads to',
        },
      )
    }
    files.push({
      path: entry.path.replace(/^(?:\.?\/)+/, ''),
      size: entry.size,
      identity: `${blob.digest}+${offset}`,
      checksums: [],
      content: slice(tar, { offset, length: entry.size }),
    })
  }
  return files
}

async function fetched(
  store: Store,
  { session, repository, blob, item }: RemoteArchive,
  options: CallOptions,
): Promise<Content> {
  const { digest } = blob
  const content = repository.openBlob(blob, { signal: options.signal, once: true })
  await fetchBlob({ store, session }, { item, content, identity: digest, digest }, options)
  return store.blobs.content(blob)
}

/** As a file of the session's, which goes with it. */
async function unpacked(
  content: Content,
  { session, blob }: { readonly session: Session; readonly blob: BlobDescriptor },
  { signal }: CallOptions,
): Promise<Content> {
  const path = join(session.directory, `archive-${blob.digest.slice(-16)}`)
  const handle = await open(path, 'w', 0o600)
  let size = 0
  try {
    for await (const chunk of decompressed(content.open())) {
      signal?.throwIfAborted()
      await writeFully(handle, chunk)
      size += chunk.length
    }
  } finally {
    await handle.close()
  }
  return fileContent(path, size)
}
