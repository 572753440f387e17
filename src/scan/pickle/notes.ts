import type { Finding } from '../verdict.ts'

/** Bytes of a pickle that may hold something themselves. */
export interface Nested {
  readonly at: number
  readonly length: number
  /** They are going to be loaded, so that they must be something that is known. */
  readonly mustBeKnown: boolean
}

/** What is written down on the way through a pickle. */
export interface Notes {
  /** Of the opcode that is followed now; what is reported is there. */
  at: number
  imports: number
  calls: number
  readonly nested: readonly Nested[]
  readonly modules: ReadonlySet<string>
  report(finding: Omit<Finding, 'at'>, at?: number): void
  nest(item: Nested): void
  /** That something is imported from it. */
  nameModule(module: string): void
  findings(): readonly Finding[]
}

const MOST_FINDINGS = 100
const MOST_NESTED = 10_000
/** That are going to be loaded. */
const MOST_LOADED = 100_000
const MOST_MODULES = 1000

export function createNotes(start: number): Notes {
  const found: Finding[] = []
  const reported = new Set<string>()
  const nested: Nested[] = []
  const modules = new Set<string>()
  const notes: Notes = {
    at: start,
    imports: 0,
    calls: 0,
    nested,
    modules,
    report(finding, at = notes.at) {
      const key = `${finding.rule} ${finding.what}`
      if (reported.has(key) || reported.size >= MOST_FINDINGS) return
      reported.add(key)
      found.push({ ...finding, at })
    },
    nest(item) {
      if (nested.length < (item.mustBeKnown ? MOST_LOADED : MOST_NESTED)) nested.push(item)
      else
        notes.report({
          rule: 'unread',
          verdict: 'unreadable',
          what: 'it holds too many pickles in itself to read all',
        })
    },
    nameModule(module) {
      if (modules.size < MOST_MODULES) modules.add(module)
    },
    findings: () => withoutRepetition(found),
  }
  return notes
}

/** An import of what is called is told by the call. */
function withoutRepetition(findings: readonly Finding[]): readonly Finding[] {
  const called = new Set(
    findings.filter(({ rule }) => rule === 'call').map(({ what }) => what.split(' ').at(-1)),
  )
  return findings.filter(({ rule, what }) => rule !== 'global' || !called.has(what.split(' ').at(-1)))
}
