import type { VerbOption } from './verb.ts'

/** Of every verb that changes a remote in a bucket. */
export const LOCK_OPTION: VerbOption = [
  '--lock',
  'of a bucket whose server has no conditional writes: its writers take turns by a lock, which all of them must use',
]
