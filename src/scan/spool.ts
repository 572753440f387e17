import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { RandomAccess } from '../formats/index.ts'
import type { Spool } from './context.ts'
import { LIMITS } from './limits.ts'
import { bytesSource } from './sources.ts'

export interface ClosableSpool extends Spool {
  close(): Promise<void>
}

/** Keeps little in memory, and more in files of a directory of its own below `directory`, which is made when it is needed. */
export function createSpool(directory: string): ClosableSpool {
  let own: string | undefined
  const handles = new Set<FileHandle>()
  let count = 0
  return {
    async keep(path, chunks) {
      const parts: Uint8Array[] = []
      let size = 0
      let file: FileHandle | undefined
      let error: unknown
      try {
        for await (const chunk of chunks) {
          if (file === undefined && size + chunk.length > LIMITS.inMemory) {
            own ??= await mkdtemp(join(directory, 'ballast-scan-'))
            file = await open(join(own, `${count++}`), 'wx+', 0o600)
            handles.add(file)
            let at = 0
            for (const part of parts.splice(0)) at += await writeAll(file, part, at)
          }
          if (file === undefined) parts.push(Buffer.from(chunk))
          else await writeAll(file, chunk, size)
          size += chunk.length
        }
      } catch (thrown) {
        error = thrown
      }
      // The disk's own failures are none of the content's.
      if (error instanceof Error && 'syscall' in error) throw error
      if (file === undefined)
        return { source: bytesSource(path, Buffer.concat(parts)), error, release: async () => {} }
      const kept = file
      return {
        source: fileSource(path, kept, size),
        error,
        async release() {
          await kept.truncate(0)
          await kept.close()
          handles.delete(kept)
        },
      }
    },
    async close() {
      for (const handle of handles) await handle.close()
      handles.clear()
      if (own !== undefined) await rm(own, { recursive: true, force: true })
    },
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<number> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten
  }
  return bytes.length
}

function fileSource(path: string, file: FileHandle, size: number): RandomAccess {
  return {
    path,
    size,
    async read(offset, length) {
      const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(length, size - offset)))
      let done = 0
      while (done < bytes.length) {
        const { bytesRead } = await file.read(bytes, done, bytes.length - done, offset + done)
        if (bytesRead === 0) break
        done += bytesRead
      }
      return bytes.subarray(0, done)
    },
  }
}
