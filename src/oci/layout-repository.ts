import { readdir, readFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import {
  BallastError,
  bytesContent,
  type CallOptions,
  createFileDurably,
  digestOf,
  explainSystemError,
  isDigest,
  isSystemError,
  makeDirectory,
  readAll,
  removeAbandonedFiles,
  throwIfAborted,
  verified,
  withLock,
} from '../core/index.ts'
import { LARGEST_MANIFEST, parseJson } from '../model/index.ts'
import type { BlobDescriptor, ImageRepository, StoredManifest } from './image-repository.ts'
import { blobContent, blobSize, writeBlob } from './layout-blobs.ts'
import {
  EMPTY_INDEX,
  encodeIndex,
  findTag,
  type LayoutIndex,
  mediaTypeIn,
  mediaTypeOf,
  readLayoutIndex,
  tagsOf,
  withoutTag,
  withTag,
  writeLayoutIndex,
} from './layout-index.ts'

export interface OpenLayoutOptions {
  /** To be written to: makes the layout in a directory that is empty or does not exist. */
  readonly create: boolean
}

const LOCK = '.ballast-lock'
const LOCK_TIMEOUT_MS = 30_000

/**
 * An OCI image layout of the user's (image-spec, image-layout.md), which other tools may read and write as well:
 * entries and fields of theirs stay. Tags are `org.opencontainers.image.ref.name`; the empty tag means the manifest
 * without a tag, or the only one. Without any tag a manifest is stored as a blob alone.
 *
 * Throws NOT_FOUND without `create` where there is no layout, REFUSED where something else is in the directory.
 */
export async function openLayout(directory: string, options: OpenLayoutOptions): Promise<ImageRepository> {
  return explained(async () => {
    if (!(await isLayout(directory))) {
      if (!options.create) throw noLayout(directory)
      await createLayout(directory)
    }
    if (options.create) await removeAbandonedFiles(directory)
    return layoutAt(await realpath(directory), `oci:${directory}`)
  })
}

function layoutAt(directory: string, name: string): ImageRepository {
  const scope = `layout:${directory}`

  async function hasBlob(blob: BlobDescriptor): Promise<boolean> {
    return (await blobSize(directory, blob.digest)) === blob.size
  }

  async function getManifest(reference: string, options: CallOptions): Promise<StoredManifest | undefined> {
    const index = await readLayoutIndex(directory)
    const digest = isDigest(reference) ? reference : findTag(index, reference)
    const size = digest === undefined ? undefined : await blobSize(directory, digest)
    if (digest === undefined) return undefined
    if (size === undefined) {
      if (isDigest(reference)) return undefined
      throw new BallastError('DAMAGED', `${name}: the manifest ${digest} is missing from the layout`)
    }
    const content = blobContent(directory, { digest, size }, options)
    const bytes = await readAll(
      verified(content.open(), { digest, size }, `manifest ${digest}`),
      LARGEST_MANIFEST,
    )
    return { mediaType: mediaTypeIn(index, digest) ?? mediaTypeOf(bytes), digest, bytes }
  }

  async function putManifest(manifest: StoredManifest, put: PutOptions): Promise<void> {
    const { bytes, digest } = manifest
    if (digestOf(bytes) !== digest)
      throw new BallastError('DAMAGED', `these bytes are not manifest ${digest}`)
    const blob = { digest, size: bytes.length }
    await writeBlob(directory, { blob, content: bytesContent(bytes) }, { signal: put.signal })
    const { tag } = put
    if (tag !== undefined) await changeIndex((index) => withTag(index, tag, manifest), put)
  }

  /** Whether there was anything to change. */
  async function changeIndex(
    change: (index: LayoutIndex) => LayoutIndex,
    { signal }: Pick<CallOptions, 'signal'>,
  ): Promise<boolean> {
    return withLock(join(directory, LOCK), { timeoutMs: LOCK_TIMEOUT_MS, signal }, async () => {
      const index = await readLayoutIndex(directory)
      const changed = change(index)
      if (changed !== index) await writeLayoutIndex(directory, changed)
      return changed !== index
    })
  }

  return {
    name,
    scope,
    getManifest: (reference, options = {}) => call(options, () => getManifest(reference, options)),
    openBlob: (blob, options) => blobContent(directory, blob, options),
    hasBlob: (blob, options = {}) => call(options, () => hasBlob(blob)),
    mountBlob: (blob, from, options = {}) => call(options, async () => from.scope === scope && hasBlob(blob)),
    putBlob: (blob, content, options = {}) =>
      call(options, () => writeBlob(directory, { blob, content }, options)),
    putManifest: (manifest, tag, options = {}) =>
      call(options, () => putManifest(manifest, { tag, signal: options.signal })),
    // What it led to stays: other tools may have it by its digest.
    deleteTag: (tag, options = {}) =>
      call(options, () => changeIndex((index) => withoutTag(index, tag), options)),
    listTags: (options = {}) => call(options, async () => tagsOf(await readLayoutIndex(directory))),
  }
}

interface PutOptions {
  readonly tag: string | undefined
  readonly signal: AbortSignal | undefined
}

async function isLayout(directory: string): Promise<boolean> {
  const path = join(directory, 'oci-layout')
  try {
    const version = parseJson(await readFile(path))?.imageLayoutVersion
    if (version === '1.0.0') return true
    throw new BallastError('REFUSED', `${path}: an image layout of version ${JSON.stringify(version)}`, {
      hint: 'only version 1.0.0 is known',
    })
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return false
    throw error
  }
}

/** Each file is made only where it is missing, so that two processes may create the same layout. */
async function createLayout(directory: string): Promise<void> {
  await makeDirectory(directory)
  const foreign = (await readdir(directory)).filter((name) => !isOurs(name))
  if (foreign.length > 0) {
    throw new BallastError('REFUSED', `${directory} is not empty and not an OCI image layout`, {
      hint: 'name an empty or new directory',
    })
  }
  await makeDirectory(join(directory, 'blobs', 'sha256'))
  await createFileDurably(join(directory, 'index.json'), encodeIndex(EMPTY_INDEX))
  await createFileDurably(join(directory, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
}

function isOurs(name: string): boolean {
  return ['blobs', 'index.json', 'oci-layout', LOCK].includes(name) || /^\..*\.tmp$/.test(name)
}

function noLayout(directory: string): BallastError {
  return new BallastError('NOT_FOUND', `${directory} is not an OCI image layout`, {
    hint: 'name the directory that holds the file oci-layout',
  })
}

async function call<T>(options: CallOptions, work: () => Promise<T>): Promise<T> {
  throwIfAborted(options.signal)
  return explained(work)
}

async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw explainSystemError(error)
  }
}
