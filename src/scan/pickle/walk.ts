import type { Finding } from '../verdict.ts'
import type { Memo } from './memo.ts'
import type { Nested } from './notes.ts'
import type { Stack } from './stack.ts'

export interface Walk {
  /** Behind the STOP, or where it could not go on. */
  readonly end: number
  readonly ended: 'stop' | 'malformed' | 'too large'
  /** Why it did not go on. */
  readonly why?: string
  readonly opcodes: number
  readonly hasHeader: boolean
  readonly imports: number
  readonly calls: number
  readonly findings: readonly Finding[]
  readonly nested: readonly Nested[]
  /** What is imported, for telling who wrote it. */
  readonly modules: ReadonlySet<string>
}

/** What is shared by all walks through a file. Time is bounded by it. */
export interface WalkBudget {
  opcodes: number
  /** For reading again, in another way, what was read. */
  otherwise: number
}

export interface WalkOptions {
  readonly budget: WalkBudget
  readonly signal?: AbortSignal | undefined
  /** Of arrays of objects in arrays of objects. */
  readonly depth?: number
}

/** What another reading of the same bytes begins with. */
export interface Inherited {
  readonly stack: Stack
  readonly memo: Memo
}
