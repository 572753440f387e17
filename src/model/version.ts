import { BallastError, type Digest } from '../core/index.ts'
import { checkFilePath } from './file-path.ts'

/** Where the bytes of a small file stand: in a tar archive that is one blob. `size` is the archive's; all in bytes. */
export interface Packed {
  readonly digest: Digest
  readonly size: number
  readonly offset: number
}

/** One file of a version. `path` is relative, with `/`; `digest` and `size` (in bytes) are the file's own. */
export interface ModelFile {
  readonly path: string
  readonly digest: Digest
  readonly size: number
  /** Absent where the file is a blob of its own. */
  readonly pack?: Packed
}

/** An immutable set of files. `digest` is the manifest's and the version's identity. `files` in order of path bytes. */
export interface Version {
  readonly digest: Digest
  readonly files: readonly ModelFile[]
}

export interface BlobOfFiles {
  readonly digest: Digest
  /** In bytes. */
  readonly size: number
  /** The files that it holds: several for a pack, and for files of equal bytes. */
  readonly files: readonly ModelFile[]
}

/** The blobs that hold the files' bytes, each once, in the order of the files. */
export function blobsOfFiles(files: readonly ModelFile[]): readonly BlobOfFiles[] {
  const blobs = new Map<Digest, { digest: Digest; size: number; files: ModelFile[] }>()
  for (const file of files) {
    const { digest, size } = file.pack ?? file
    const known = blobs.get(digest)
    if (known === undefined) blobs.set(digest, { digest, size, files: [file] })
    else known.files.push(file)
  }
  return [...blobs.values()]
}

/** For people: `weights.bin`, or `a.txt and 1,999 more`. */
export function nameOfFiles([first, ...others]: readonly { readonly path: string }[]): string {
  const name = first?.path ?? ''
  return others.length === 0 ? name : `${name} and ${others.length.toLocaleString('en-US')} more`
}

/** Everything that has to be there for the version to be whole: its manifest and its blobs. */
export function blobsOfVersion({ digest, files }: Version): readonly Digest[] {
  return [digest, ...blobsOfFiles(files).map((blob) => blob.digest)]
}

/** In bytes. */
export function totalSize(files: readonly { readonly size: number }[]): number {
  return files.reduce((sum, file) => sum + file.size, 0)
}

/** Throws REFUSED for no files, unsafe paths, a path that occurs twice or is both a file and a directory. */
export function checkPaths(files: readonly { readonly path: string }[]): void {
  if (files.length === 0) throw new BallastError('REFUSED', 'a model needs at least one file')
  const paths = new Set<string>()
  for (const { path } of files) {
    checkFilePath(path)
    if (paths.has(path)) throw new BallastError('REFUSED', `two files called ${JSON.stringify(path)}`)
    paths.add(path)
  }
  for (const path of paths) {
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
      if (!paths.has(path.slice(0, at))) continue
      throw new BallastError('REFUSED', `${JSON.stringify(path.slice(0, at))} is both a file and a directory`)
    }
  }
}
