import { oneLine } from '../core/index.ts'
import type { RandomAccess } from '../formats/index.ts'
import { type Budget, LIMITS } from './limits.ts'
import { type Finding, type ScanFormat, VERDICTS, type Verdict } from './verdict.ts'

/** Where bytes that are made while scanning are kept. */
export interface Spool {
  /** What came of chunks until they ended or threw; what they threw comes with it. */
  keep(path: string, chunks: AsyncIterable<Uint8Array>): Promise<Kept>
}

export interface Kept {
  readonly source: RandomAccess
  readonly error: unknown
  /** Whoever is done with it says so. */
  readonly release: () => Promise<void>
}

/** What is passed on while a file and what is in it are looked at. */
export interface Context {
  readonly budget: Budget
  readonly spool: Spool
  readonly signal: AbortSignal | undefined
  readonly depth: number
  /** Names of what contains what is looked at now, the outermost first. */
  readonly within: readonly string[]
  readonly findings: Finding[]
  /** Looks at something that is in what is looked at now. */
  readonly scanInner: (
    context: Context,
    name: string,
    source: RandomAccess,
    options?: InnerOptions,
  ) => Promise<ScanFormat>
}

export interface InnerOptions {
  /** It is going to be loaded, so that it must be something that is known. */
  readonly mustBeKnown?: boolean
  /** It is what is looked at itself, decompressed. */
  readonly isDecompressed?: boolean
  /** It is loaded as bytes only, unless it is unmistakable. */
  readonly isRaw?: boolean
}

export function report(context: Context, verdict: Verdict, rule: string, what: string, at?: number): void {
  // However many there are, none that is worse than the others gets lost.
  const isFull = context.findings.length >= LIMITS.findings
  if (
    isFull &&
    context.findings.some((other) => VERDICTS.indexOf(other.verdict) >= VERDICTS.indexOf(verdict))
  )
    return
  const within = context.within.join(' > ')
  const finding: Finding = {
    rule,
    verdict,
    ...(within !== '' && { within: oneLine(within, 300) }),
    ...(at !== undefined && { at }),
    what: oneLine(what, 300),
  }
  const isSame = (other: Finding): boolean =>
    other.rule === rule && other.what === finding.what && other.within === finding.within
  if (!context.findings.some(isSame)) context.findings.push(finding)
}
