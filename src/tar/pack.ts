import { encodeHeader, paddingOf, TAR_END } from './header.ts'

/** A regular file of an archive. `size` in bytes. */
export interface PackedFile {
  readonly path: string
  readonly size: number
}

/** Where each file's bytes will stand, in the order given, and how long the archive will be. All in bytes. */
export function planPack(files: readonly PackedFile[]): {
  readonly offsets: readonly number[]
  readonly size: number
} {
  const offsets: number[] = []
  let at = 0
  for (const file of files) {
    at += headerOf(file).length
    offsets.push(at)
    at += file.size + paddingOf(file.size)
  }
  return { offsets, size: at + TAR_END.length }
}

/**
 * A tar archive of regular files, 0644, owned by 0:0, with modification time 0 and no directories: equal files in
 * equal order give equal bytes. `read` must give exactly `size` bytes.
 */
export async function* writePack<F extends PackedFile>(
  files: readonly F[],
  read: (file: F) => Promise<Uint8Array>,
): AsyncIterable<Uint8Array> {
  for (const file of files) {
    const bytes = await read(file)
    if (bytes.length !== file.size) {
      throw new RangeError(`${file.path}: ${bytes.length} bytes instead of ${file.size}`)
    }
    yield Buffer.concat([headerOf(file), bytes, Buffer.alloc(paddingOf(file.size))])
  }
  yield TAR_END
}

function headerOf({ path, size }: PackedFile): Buffer {
  return encodeHeader({ path, type: 'file', size, mode: 0o644, uid: 0, gid: 0 })
}
