import { createHash } from 'node:crypto'
import { createCrc32c, createCrc64nvme } from './crc.ts'
import { createMd5Dos2Unix } from './md5-dos2unix.ts'

/** Of a whole file. `value` in lower-case hexadecimal. */
export interface Checksum {
  readonly algorithm: ChecksumAlgorithm
  readonly value: string
  /** What stands before the bytes of the file in what it is made of: git's `blob 12\0`. */
  readonly prefix?: string
}

/** The surest first. */
const ALGORITHMS = ['sha256', 'sha1', 'md5', 'md5-dos2unix', 'crc64nvme', 'crc32c'] as const

export type ChecksumAlgorithm = (typeof ALGORITHMS)[number]

export interface Checksummer {
  update(chunk: Uint8Array): void
  /** In lower-case hexadecimal. To be asked once. */
  value(): string
}

export function createChecksummer(algorithm: ChecksumAlgorithm): Checksummer {
  if (algorithm === 'crc32c' || algorithm === 'crc64nvme') {
    const crc = algorithm === 'crc32c' ? createCrc32c() : createCrc64nvme()
    return { update: crc.update, value: () => crc.digest().toString('hex') }
  }
  if (algorithm === 'md5-dos2unix') return createMd5Dos2Unix()
  const hash = createHash(algorithm)
  return { update: (chunk) => void hash.update(chunk), value: () => hash.digest('hex') }
}

/** The one that is worth computing: bytes that have it right have the others right too. */
export function surestOf(checksums: readonly Checksum[]): Checksum | undefined {
  const byRank = (a: Checksum, b: Checksum): number =>
    ALGORITHMS.indexOf(a.algorithm) - ALGORITHMS.indexOf(b.algorithm)
  return [...checksums].sort(byRank)[0]
}
