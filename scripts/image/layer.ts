import { digestOf } from '../../src/core/index.ts'
import type { AddedLayer } from '../../src/oci/index.ts'
import { encodeHeader, fileEntry, TAR_END } from '../../src/tar/index.ts'

/** A file, or a directory where there is no `data`; owned by 0:0 unless it is told. `path` without a `/` before it. */
export interface Entry {
  readonly path: string
  readonly data?: Uint8Array | string
  readonly mode?: number
  readonly owner?: number
}

export interface BuiltLayer {
  readonly layer: AddedLayer
  readonly bytes: Buffer
}

/** An uncompressed layer of these entries and of the directories above them: equal entries give equal bytes. */
export function buildLayer(entries: readonly Entry[], createdBy: string): BuiltLayer {
  const stated = new Map(entries.map((entry) => [entry.path, entry]))
  for (const { path } of entries) {
    for (const above of parentsOf(path)) {
      if (!stated.has(above)) stated.set(above, { path: above })
    }
  }
  const ordered = [...stated.values()].sort((a, b) =>
    Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)),
  )
  const bytes = Buffer.concat([...ordered.map(encodeEntry), TAR_END])
  return { layer: { digest: digestOf(bytes), size: bytes.length, createdBy }, bytes }
}

function parentsOf(path: string): readonly string[] {
  const parts = path.split('/').slice(0, -1)
  return parts.map((_, at) => parts.slice(0, at + 1).join('/'))
}

function encodeEntry({ path, data, mode, owner = 0 }: Entry): Buffer {
  if (data !== undefined) return fileEntry(path, data, mode)
  return encodeHeader({ path, type: 'directory', size: 0, mode: mode ?? 0o755, uid: owner, gid: owner })
}
