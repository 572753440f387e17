import type { Digest } from '../core/index.ts'
import type { FileState } from './file-state.ts'
import type { SourceFile } from './local-files.ts'

/** Digests of files that were read before, for whoever comes to the same files again and again. */
export interface KnownFiles {
  /** Undefined for a file that was never read, or that may have been written to since. */
  digestOf(file: SourceFile): Digest | undefined
  /** `begun` is when its reading began, in milliseconds as `Date.now()` gives them. */
  remember(file: SourceFile, digest: Digest, begun: number): void
}

/**
 * A file system's clock ticks so seldom that a file can be written to twice at one time. What was written this shortly
 * before it was read may have been written to again without a trace.
 */
const RACY_MS = 2000

export function createKnownFiles(): KnownFiles {
  const known = new Map<string, { readonly state: FileState; readonly digest: Digest }>()
  return {
    digestOf({ place, state }) {
      const found = known.get(place)
      return found !== undefined && isSame(found.state, state) ? found.digest : undefined
    },
    remember({ place, state }, digest, begun) {
      const changed = Number(state.changedNs / 1_000_000n)
      if (changed < begun - RACY_MS) known.set(place, { state, digest })
      else known.delete(place)
    },
  }
}

function isSame(a: FileState, b: FileState): boolean {
  return a.device === b.device && a.inode === b.inode && a.size === b.size && a.changedNs === b.changedNs
}
