import { type Digest, isDigest } from '../core/index.ts'
import { parseJson } from './json.ts'
import type { ModelFile } from './version.ts'

/** The packed ones among the files, with where they stand; compact, because there may be tens of thousands. */
export function encodePackedFiles(files: readonly ModelFile[]): Buffer {
  const packs = new Map<Digest, { digest: Digest; size: number; files: unknown[] }>()
  for (const { path, digest, size, pack } of files) {
    if (pack === undefined) continue
    const known = packs.get(pack.digest) ?? { digest: pack.digest, size: pack.size, files: [] }
    packs.set(pack.digest, known)
    known.files.push([path, digest, size, pack.offset])
  }
  return Buffer.from(`${JSON.stringify({ packs: [...packs.values()] })}\n`)
}

/** Undefined for anything but what `encodePackedFiles` gives. Paths are not checked. */
export function decodePackedFiles(data: Uint8Array): readonly ModelFile[] | undefined {
  const packs = parseJson(data)?.packs
  if (!Array.isArray(packs)) return undefined
  const found: ModelFile[] = []
  for (const value of packs as readonly unknown[]) {
    const { digest, size, files } = (value ?? {}) as Readonly<Record<string, unknown>>
    if (typeof digest !== 'string' || !isDigest(digest) || !isCount(size) || !Array.isArray(files))
      return undefined
    for (const row of files as readonly unknown[]) {
      const file = decodeRow(row, { digest, size })
      if (file === undefined) return undefined
      found.push(file)
    }
  }
  return found
}

function decodeRow(row: unknown, pack: { digest: Digest; size: number }): ModelFile | undefined {
  const [path, digest, size, offset] = Array.isArray(row) ? (row as readonly unknown[]) : []
  if (typeof path !== 'string' || typeof digest !== 'string' || !isDigest(digest)) return undefined
  if (!isCount(size) || !isCount(offset) || offset + size > pack.size) return undefined
  return { path, digest, size, pack: { ...pack, offset } }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
