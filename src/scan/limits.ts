/** What the scan of one file may take in all: a file that takes more counts as one that cannot be read. */
export const LIMITS = {
  /** Containers in containers. */
  depth: 8,
  /** Entries of archives, and models in models. */
  parts: 200_000,
  opcodes: 2_000_000_000,
  /** Of what is read again in another way. */
  otherwise: 100_000_000,
  /** Bytes that decompressing makes. */
  decompressed: 64 * 1024 ** 3,
  /** Beyond this, bytes that are so many times more than they were made from are no model's. */
  bombBytes: 256 * 1024 ** 2,
  bombRatio: 100,
  /** Decompressed bytes up to this are held in memory, others in a file. */
  inMemory: 16 * 1024 ** 2,
  findings: 200,
} as const

export interface Budget {
  opcodes: number
  otherwise: number
  parts: number
  decompressed: number
}

export function createBudget(): Budget {
  return {
    opcodes: LIMITS.opcodes,
    otherwise: LIMITS.otherwise,
    parts: LIMITS.parts,
    decompressed: LIMITS.decompressed,
  }
}
