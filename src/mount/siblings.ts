import { constants } from 'node:fs'
import { type FileHandle, link, lstat, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Digest, isBallastError, isSystemError, listIfPresent, verified } from '../core/index.ts'
import type { ModelFile, Version } from '../model/index.ts'
import { FILE_MODE } from './names.ts'
import { isGenerationId } from './state.ts'
import { readTree } from './tree.ts'

/** Where files stand in the versions that a target has already, by their digests. */
export type Siblings = ReadonlyMap<Digest, string>

/** Those of the version's files that another version of the target has. */
export async function siblingsIn(generations: string, version: Version): Promise<Siblings> {
  const wanted = new Set(version.files.flatMap(({ digest, pack }) => (pack === undefined ? [digest] : [])))
  const found = new Map<Digest, string>()
  for (const id of await listIfPresent(generations)) {
    if (!isGenerationId(id)) continue
    const tree = join(generations, id)
    const delivered = await readTree(tree).catch(() => undefined)
    for (const { path, digest } of delivered?.version.files ?? []) {
      if (wanted.has(digest)) found.set(digest, join(tree, path))
    }
  }
  return found
}

/**
 * Makes the target a hard link to the file, if its bytes are the right ones: they are read, because whoever may write to the
 * target may have written there. False where they are not, or it cannot be linked; then nothing is left.
 */
export async function linkSibling(file: ModelFile, from: string, target: string): Promise<boolean> {
  const handle = await openFile(from)
  if (handle === undefined) return false
  try {
    const info = await handle.stat({ bigint: true })
    // A blob of the store, which a target with --link has, has another mode: it is not passed on unasked.
    const isOurs =
      info.isFile() && info.size === BigInt(file.size) && (Number(info.mode) & 0o7777) === FILE_MODE
    if (!isOurs || !(await hasBytes(handle, file))) return false
    await link(from, target)
    const made = await lstat(target, { bigint: true })
    if (made.ino === info.ino && made.dev === info.dev) return true
    // Something else has come to the name meanwhile.
    await rm(target)
    return false
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'EPERM', 'EMLINK', 'EXDEV', 'ENOTSUP', 'ELOOP')) return false
    throw error
  } finally {
    await handle.close()
  }
}

async function openFile(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'ENXIO')) return undefined
    throw error
  }
}

async function hasBytes(handle: FileHandle, file: ModelFile): Promise<boolean> {
  try {
    for await (const _ of verified(handle.createReadStream({ start: 0, autoClose: false }), file)) {
      // Only the verification is wanted.
    }
    return true
  } catch (error) {
    if (isBallastError(error, 'DAMAGED')) return false
    throw error
  }
}
