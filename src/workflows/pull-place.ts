import type { Admit, Digest } from '../core/index.ts'
import type { StoredManifest } from '../oci/index.ts'
import type { Target } from './pull-target.ts'
import type { Remote } from './remotes.ts'

export interface PullResult {
  /** What it was there: a `version` as Ballast pushes it, an `image` that held it, or what another tool calls it. */
  readonly kind: string
  /** In the store, by number: `sentiment:3`. */
  readonly ref: string
  readonly digest: Digest
  readonly number: number
  /** The tag that points to it now, if one was moved or is there already. */
  readonly tag: string | undefined
  readonly from: string
  readonly files: number
  readonly bytes: number
  /** What the store did not hold before. */
  readonly newBytes: number
  /** Documents about the version that came with it. */
  readonly attached: number
  readonly ms: number
  readonly warnings: readonly string[]
}

/** What is pulled, from where, and what it is to be called. */
export interface PullPlace {
  readonly remote: Remote
  readonly target: Target
  readonly manifest: StoredManifest
  /** What the user called it. */
  readonly wanted: string | undefined
  readonly admit: Admit | undefined
}

export type Pulled = Omit<PullResult, 'from' | 'ms'>
