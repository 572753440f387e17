import { inLargePieces } from '../core/index.ts'
import { fileHeader } from './entries.ts'
import { paddingOf, TAR_END } from './header.ts'

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
    at += fileHeader(file.path, file.size).length
    offsets.push(at)
    at += file.size + paddingOf(file.size)
  }
  return { offsets, size: at + TAR_END.length }
}

/** So many files are read ahead of the one that is written. */
const READ_AHEAD = 8

/**
 * A tar archive of regular files, 0644, owned by 0:0, with modification time 0 and no directories: equal files in
 * equal order give equal bytes. `read` must give exactly `size` bytes; `onFile` is called in the order of the files.
 */
export function writePack<F extends PackedFile>(
  files: readonly F[],
  read: (file: F) => Promise<Uint8Array>,
  onFile?: (file: F, bytes: Uint8Array) => void,
): AsyncIterable<Uint8Array> {
  return inLargePieces(piecesOf(files, read, onFile))
}

async function* piecesOf<F extends PackedFile>(
  files: readonly F[],
  read: (file: F) => Promise<Uint8Array>,
  onFile?: (file: F, bytes: Uint8Array) => void,
): AsyncIterable<Uint8Array> {
  const ahead: Promise<Uint8Array>[] = []
  let next = 0
  try {
    for (const file of files) {
      while (next < files.length && ahead.length < READ_AHEAD) ahead.push(started(read(files[next++] as F)))
      const bytes = (await ahead.shift()) as Uint8Array
      if (bytes.length !== file.size) {
        throw new RangeError(`${file.path}: ${bytes.length} bytes instead of ${file.size}`)
      }
      onFile?.(file, bytes)
      yield fileHeader(file.path, file.size)
      yield bytes
      yield Buffer.alloc(paddingOf(file.size))
    }
    yield TAR_END
  } finally {
    // Nothing goes on behind the back of whoever stops here.
    await Promise.allSettled(ahead)
  }
}

/** Its failure is met when its turn comes; until then it must not count as one that nobody handles. */
function started<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined)
  return work
}
