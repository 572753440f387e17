import type { ModelFile, Version } from './version.ts'

export interface FileChange {
  readonly path: string
  readonly change: 'added' | 'removed' | 'changed'
  /** Bytes before and after; 0 where the file does not exist. */
  readonly before: number
  readonly after: number
}

export interface VersionDiff {
  readonly changes: readonly FileChange[]
  readonly same: number
  /** Bytes of `to` that `from` does not hold under any path: what has to be moved. */
  readonly newBytes: number
}

export function diffVersions(from: Pick<Version, 'files'>, to: Pick<Version, 'files'>): VersionDiff {
  const before = byPath(from)
  const after = byPath(to)
  const held = new Set(from.files.map((file) => file.digest))
  const paths = [...new Set([...before.keys(), ...after.keys()])].sort()
  const changes = paths.flatMap((path) => changeOf(path, before.get(path), after.get(path)))
  const fresh = new Map(
    to.files.filter((file) => !held.has(file.digest)).map((file) => [file.digest, file.size]),
  )
  return {
    changes,
    same: paths.length - changes.length,
    newBytes: [...fresh.values()].reduce((sum, size) => sum + size, 0),
  }
}

function changeOf(path: string, before: ModelFile | undefined, after: ModelFile | undefined): FileChange[] {
  if (before?.digest === after?.digest) return []
  const change = before === undefined ? 'added' : after === undefined ? 'removed' : 'changed'
  return [{ path, change, before: before?.size ?? 0, after: after?.size ?? 0 }]
}

function byPath(version: Pick<Version, 'files'>): ReadonlyMap<string, ModelFile> {
  return new Map(version.files.map((file) => [file.path, file]))
}
