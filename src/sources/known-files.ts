import { type Digest, isDigest, digestOf as sha256 } from '../core/index.ts'
import { objectOf, parseJson } from '../model/index.ts'
import type { FileState } from './file-state.ts'
import type { SourceFile } from './local-files.ts'

/** Digests of files that were read before, for whoever comes to the same files again and again. */
export interface KnownFiles {
  /** Undefined for a file that was never read, or that may have been written to since. */
  digestOf(file: SourceFile): Digest | undefined
  /** The blob that exactly these files made together, in this order; undefined unless all of them are known. */
  packOf(files: readonly SourceFile[]): KnownPack | undefined
  /** Of files that have been remembered each. */
  rememberPack(files: readonly SourceFile[], pack: KnownPack): void
  /** `begun` is when its reading began, in milliseconds as `Date.now()` gives them. */
  remember(file: SourceFile, digest: Digest, begun: number): void
  /** What is known of these files, for `createKnownFiles` of another process. */
  save(files: readonly SourceFile[]): Buffer
}

/** `size` in bytes. */
export interface KnownPack {
  readonly digest: Digest
  readonly size: number
}

/**
 * A file system's clock ticks so seldom that a file can be written to twice at one time. What was written this shortly
 * before it was read may have been written to again without a trace.
 */
export const RACY_MS = 2000

/** `saved` is what another process saved; anything else is as good as nothing. */
export function createKnownFiles(saved?: Uint8Array): KnownFiles {
  const { known, packs } = decode(saved)
  const usedPacks = new Map<string, KnownPack>()
  const digestOf: KnownFiles['digestOf'] = ({ place, state }) => {
    const found = known.get(place)
    return found !== undefined && found.key === keyOf(state) ? found.digest : undefined
  }
  const keyOfPack = (files: readonly SourceFile[]): string | undefined => {
    const digests = files.map(digestOf)
    if (digests.includes(undefined)) return undefined
    return sha256(JSON.stringify(files.map(({ path }, at) => [path, digests[at]])))
  }
  return {
    digestOf,
    packOf(files) {
      const key = keyOfPack(files)
      const pack = key === undefined ? undefined : packs.get(key)
      if (key !== undefined && pack !== undefined) usedPacks.set(key, pack)
      return pack
    },
    rememberPack(files, pack) {
      const key = keyOfPack(files)
      if (key === undefined) return
      packs.set(key, pack)
      usedPacks.set(key, pack)
    },
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
      const packed = [...usedPacks].map(([key, { digest, size }]) => [key, [digest, size]] as const)
      return Buffer.from(
        JSON.stringify({ files: Object.fromEntries(entries), packs: Object.fromEntries(packed) }),
      )
    },
  }
}

interface Known {
  /** Of the state that the file had when it was read. */
  readonly key: string
  readonly digest: Digest
}

function decode(saved: Uint8Array | undefined): {
  readonly known: Map<string, Known>
  readonly packs: Map<string, KnownPack>
} {
  const { files, packs } = (saved && parseJson(saved)) ?? {}
  return {
    known: new Map(
      pairsOf(files).flatMap(([place, key, digest]) =>
        typeof key === 'string' && isDigestText(digest) ? [[place, { key, digest }] as const] : [],
      ),
    ),
    packs: new Map(
      pairsOf(packs).flatMap(([key, digest, size]) =>
        isDigestText(digest) && typeof size === 'number' ? [[key, { digest, size }] as const] : [],
      ),
    ),
  }
}

/** Of an object whose values are lists of two. */
function pairsOf(value: unknown): readonly (readonly [string, unknown, unknown])[] {
  return Object.entries(objectOf(value)).flatMap(([key, pair]) =>
    Array.isArray(pair) ? [[key, (pair as unknown[])[0], (pair as unknown[])[1]] as const] : [],
  )
}

function isDigestText(value: unknown): value is Digest {
  return typeof value === 'string' && isDigest(value)
}

function keyOf({ device, inode, size, changedNs, statusNs }: FileState): string {
  return [device, inode, size, changedNs, statusNs].join(' ')
}
