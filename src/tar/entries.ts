import { BallastError, type Content } from '../core/index.ts'
import { encodeHeader, paddingOf } from './header.ts'

/** A directory of an archive, 0755 and owned by 0:0. */
export function directoryEntry(path: string): Buffer {
  return encodeHeader({ path, type: 'directory', size: 0, mode: 0o755, uid: 0, gid: 0 })
}

/** What stands before the bytes of a file, 0644 unless it is told and owned by 0:0. `size` in bytes. */
export function fileHeader(path: string, size: number, mode = 0o644): Buffer {
  return encodeHeader({ path, type: 'file', size, mode, uid: 0, gid: 0 })
}

/** A file of an archive, header, bytes and padding, owned by 0:0. */
export function fileEntry(path: string, data: string | Uint8Array, mode = 0o644): Buffer {
  const bytes = Buffer.from(data)
  return Buffer.concat([fileHeader(path, bytes.length, mode), bytes, Buffer.alloc(paddingOf(bytes.length))])
}

/** The same, 0644, of a content that is read when its turn comes. Throws DAMAGED where it has another length. */
export async function* contentEntry(path: string, content: Content): AsyncIterable<Uint8Array> {
  yield fileHeader(path, content.size)
  let size = 0
  for await (const chunk of content.open()) {
    size += chunk.length
    yield chunk
  }
  if (size !== content.size) {
    throw new BallastError('DAMAGED', `${path}: ${content.size} bytes expected, ${size} found`)
  }
  yield Buffer.alloc(paddingOf(size))
}
