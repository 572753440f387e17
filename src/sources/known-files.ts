import { type Digest, isDigest } from '../core/index.ts'
import { objectOf, parseJson } from '../model/index.ts'
import type { FileState } from './file-state.ts'
import type { SourceFile } from './local-files.ts'

/** Digests of files that were read before, for whoever comes to the same files again and again. */
export interface KnownFiles {
  /** Undefined for a file that was never read, or that may have been written to since. */
  digestOf(file: SourceFile): Digest | undefined
  /** `begun` is when its reading began, in milliseconds as `Date.now()` gives them. */
  remember(file: SourceFile, digest: Digest, begun: number): void
  /** What is known of these files, for `createKnownFiles` of another process. */
  save(files: readonly SourceFile[]): Buffer
}

/**
 * A file system's clock ticks so seldom that a file can be written to twice at one time. What was written this shortly
 * before it was read may have been written to again without a trace.
 */
export const RACY_MS = 2000

/** `saved` is what another process saved; anything else is as good as nothing. */
export function createKnownFiles(saved?: Uint8Array): KnownFiles {
  const known = new Map(saved === undefined ? [] : decode(saved))
  const digestOf: KnownFiles['digestOf'] = ({ place, state }) => {
    const found = known.get(place)
    return found !== undefined && found.key === keyOf(state) ? found.digest : undefined
  }
  return {
    digestOf,
    remember({ place, state }, digest, begun) {
      const changed = Number(state.changedNs / 1_000_000n)
      if (changed < begun - RACY_MS) known.set(place, { key: keyOf(state), digest })
      else known.delete(place)
    },
    save(files) {
      const entries = files.flatMap((file) => {
        const digest = digestOf(file)
        return digest === undefined ? [] : [[file.place, [keyOf(file.state), digest]] as const]
      })
      return Buffer.from(JSON.stringify({ files: Object.fromEntries(entries) }))
    },
  }
}

interface Known {
  /** Of the state that the file had when it was read. */
  readonly key: string
  readonly digest: Digest
}

function decode(saved: Uint8Array): readonly (readonly [string, Known])[] {
  return Object.entries(objectOf(parseJson(saved)?.files)).flatMap(([place, value]) => {
    const [key, digest] = Array.isArray(value) ? (value as readonly unknown[]) : []
    const isSound = typeof key === 'string' && typeof digest === 'string' && isDigest(digest)
    return isSound ? [[place, { key, digest }] as const] : []
  })
}

function keyOf({ device, inode, size, changedNs, statusNs }: FileState): string {
  return [device, inode, size, changedNs, statusNs].join(' ')
}
