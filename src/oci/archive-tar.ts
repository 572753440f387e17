import { constants, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { bytesContent, type Content, syncDirectory, temporaryName, writeFully } from '../core/index.ts'
import { contentEntry, directoryEntry, fileHeader, TAR_END } from '../tar/index.ts'
import type { Extent } from './archive-file.ts'

/** A tar file that grows beside its place, until it takes it. Nothing is held open between two calls, which must not overlap. */
export interface GrowingTar {
  /** Of the temporary file. */
  readonly path: string
  /** Of the files that are complete, in bytes; those of `finish` do not count. */
  length(): number
  appendDirectory(name: string): Promise<void>
  /** One more file. When its content fails, the tar is as before. Throws DAMAGED for content of another size. */
  append(name: string, content: Content): Promise<Extent>
  /** Adds the last files and the end marker, and takes the place of whatever stands there: whole, on the disk, or not at all. */
  finish(path: string, last: readonly (readonly [name: string, text: string])[]): Promise<void>
  /** Removes the temporary file. */
  discard(): Promise<void>
}

/** For a file at `path`, where nothing changes until `finish`. Begins with `begun`, the first bytes of a tar, if given. */
export async function createTar(
  path: string,
  begun: Content = bytesContent(Buffer.alloc(0)),
): Promise<GrowingTar> {
  const temporary = join(dirname(path), temporaryName())
  let length = 0

  async function write(from: number, chunks: AsyncIterable<Uint8Array>): Promise<number> {
    // Never made anew: in the place of one that somebody has removed, it would begin with a hole.
    const handle = await open(temporary, constants.O_WRONLY | constants.O_APPEND)
    try {
      // What a put that has failed left behind.
      await handle.truncate(from)
      let end = from
      for await (const chunk of chunks) {
        await writeFully(handle, chunk)
        end += chunk.length
      }
      return end
    } catch (error) {
      await handle.truncate(from)
      throw error
    } finally {
      await handle.close()
    }
  }

  async function append(name: string, content: Content): Promise<Extent> {
    const offset = length + fileHeader(name, content.size).length
    length = await write(length, contentEntry(name, content))
    return { offset, size: content.size }
  }

  const handle = await open(temporary, 'wx', 0o666)
  await handle.close()
  try {
    length = await write(0, begun.open())
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }

  return {
    path: temporary,
    length: () => length,
    append,
    async appendDirectory(name) {
      length = await write(length, bytesContent(directoryEntry(name)).open())
    },
    async finish(place, last) {
      const files = last.map(([name, text]) => contentEntry(name, bytesContent(Buffer.from(text))))
      await write(length, concatenated([...files, bytesContent(TAR_END).open()]))
      await syncFile(temporary)
      await rename(temporary, place)
      await syncDirectory(dirname(place))
    },
    discard: () => rm(temporary, { force: true }),
  }
}

async function* concatenated(parts: readonly AsyncIterable<Uint8Array>[]): AsyncIterable<Uint8Array> {
  for (const part of parts) yield* part
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r+')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
