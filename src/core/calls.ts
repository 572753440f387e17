import type { Digest } from './digest.ts'

/** What every long call takes. */
export interface CallOptions {
  /** Checked on entry and between chunks; an aborted call throws INTERRUPTED and leaves nothing half-written. */
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((event: Progress) => void) | undefined
}

/** Asked before so many bytes are written that take room of their own; what it throws keeps them from being written. */
export type Admit = (bytes: number) => Promise<void>

/**
 * `item` names what is moved, for people: a file's path or a layer. Sizes in bytes. Every item that starts ends with
 * `done`, however it came to be whole; one that starts again before that goes on with what it has left. A `plan` says
 * what is going to start: where a step has any, they are all that it is known to move.
 */
export type Progress =
  | { readonly kind: 'plan'; readonly step: Step; readonly item: string; readonly total: number }
  | { readonly kind: 'start'; readonly step: Step; readonly item: string; readonly total: number }
  | { readonly kind: 'bytes'; readonly step: Step; readonly item: string; readonly count: number }
  | { readonly kind: 'done'; readonly step: Step; readonly item: string; readonly digest?: Digest }
  | {
      readonly kind: 'skip'
      readonly step: Step
      readonly item: string
      /** `differs`: what was looked at first is something else. */
      readonly because: 'exists' | 'mounted' | 'differs'
    }

export type Step = 'add' | 'hash' | 'upload' | 'download' | 'copy' | 'verify'
