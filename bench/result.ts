import { type Row, textTable } from './table.ts'

/** What a bench prints on stdout, as one line of JSON. `docs/benchmarks/` keeps it. */
export interface Result {
  readonly title: string
  /** What was measured against what, in a sentence or two. */
  readonly method?: string
  readonly machine: Readonly<Record<string, string>>
  /** All with the same columns. */
  readonly rows: readonly Row[]
  readonly bounds?: readonly Bound[]
}

/** A figure that is claimed not to be above another. */
export interface Bound {
  readonly what: string
  readonly value: number
  readonly atMost: number
}

/** The table on stderr for people, the figures as JSON on stdout. */
export function publish(result: Result): void {
  const lines = [result.title, textTable(result.rows), ...(result.bounds ?? []).map(describeBound)]
  process.stderr.write(`${lines.join('\n')}\n`)
  process.stdout.write(`${JSON.stringify(result)}\n`)
}

export function describeBound({ what, value, atMost }: Bound): string {
  return `${what}: ${value}, at most ${atMost} wanted: ${value <= atMost ? 'met' : 'missed'}`
}
