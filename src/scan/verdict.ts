import type { Format } from '../formats/index.ts'

/**
 * What a scan says of a file, from best to worst. `executable`: loading it can run code, and all that is found to run is
 * known and harmless. `unreadable`: it could not be looked at in full. `hostile`: it does, or can do, what no model needs.
 */
export const VERDICTS = ['clean', 'executable', 'unreadable', 'hostile'] as const

export type Verdict = (typeof VERDICTS)[number]

export interface Finding {
  /** What kind of thing was found, for policies and programs: `global`, `malformed`, `zip-mismatch`. */
  readonly rule: string
  /** What it makes of the file. */
  readonly verdict: Verdict
  /** The way to it through containers, the outermost first: `archive/data.pkl`. Absent in the file itself. */
  readonly within?: string
  /** Where in what it is found, in bytes. */
  readonly at?: number
  /** For people. */
  readonly what: string
}

/** What a file is found to be: by its head alone, or by more of it. */
export type ScanFormat =
  | Format
  | 'tensorflow-graph'
  | 'zip'
  | 'tar'
  | 'compressed'
  | 'program'
  | 'template'
  /** It could not be opened. */
  | 'unread'

export interface FileScan {
  readonly path: string
  readonly format: ScanFormat
  readonly verdict: Verdict
  readonly findings: readonly Finding[]
}

export interface ScanReport {
  /** Of the rules: what other rules found may be found otherwise now. */
  readonly scanner: number
  readonly verdict: Verdict
  readonly files: readonly FileScan[]
}

export function worstOf(verdicts: Iterable<Verdict>): Verdict {
  let worst = 0
  for (const verdict of verdicts) worst = Math.max(worst, VERDICTS.indexOf(verdict))
  return VERDICTS[worst] ?? 'hostile'
}
