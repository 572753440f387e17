import type { Session } from './session.ts'

export interface Verb<A extends readonly unknown[]> {
  /** Name and operands, in commander's notation: `add <name> <source...>`. */
  readonly usage: string
  /** As other tools call it. */
  readonly alias?: string
  readonly summary: string
  /** What the summary leaves open, in a few lines. */
  readonly details?: string
  readonly options?: readonly VerbOption[]
  /** The words that an operand may be, by its name in the usage, where there are few; the help leaves them to the details. */
  readonly choices?: Readonly<Record<string, readonly string[]>>
  /** Headings of the help, by the first option that stands below each, as `--size`. */
  readonly headings?: Readonly<Record<string, string>>
  readonly examples: readonly string[]
  /** What to do about a command line that makes no sense; by default where help is. */
  readonly usageHint?: string
  /** The exit code of every failure, for a verb whose other codes are those of another program. */
  readonly failureCode?: number
  /** Its memory is bounded for models of any size and any number of files, at the cost of a slower start. */
  readonly movesBytes?: true
  readonly run: (session: Session, ...args: A) => Promise<void>
}

/**
 * In commander's notation, but `--name <value...>` is one that may be given several times, a value each: an array. `choices` are
 * offered to who types; the description names them to who reads, and the verb refuses others.
 */
export type VerbOption = readonly [
  flags: string,
  description: string,
  fallback?: string | undefined,
  choices?: readonly string[],
]

export const PROGRESS_FORMS = ['auto', 'plain', 'json', 'none'] as const

/** A verb whose operands are known only from its usage: whoever runs it has read the arguments by that. */
export type AnyVerb = Omit<Verb<never>, 'run'> & {
  readonly run: (session: Session, ...args: readonly unknown[]) => Promise<void>
}

/** `A` is what `run` gets: an operand each, an array for `<name...>`, then the options by their long names. */
export function defineVerb<A extends readonly unknown[]>(verb: Verb<A>): AnyVerb {
  return verb as unknown as AnyVerb
}

/** Before the verb as well as behind it. */
export const COMMON_OPTIONS: readonly VerbOption[] = [
  ['--store <dir>', 'the store (default: $BALLAST_STORE, /var/lib/ballast or your data directory)'],
  ['--json', 'print the answer as JSON'],
  [
    '--policy-key <file>',
    'the public key of who alone may set policies of stages (default: $BALLAST_POLICY_KEY)',
  ],
  ['-q, --quiet', 'no progress and no remarks'],
  [
    '--progress <how>',
    'auto, plain, json (events on stderr) or none (default: auto)',
    undefined,
    PROGRESS_FORMS,
  ],
  ['--debug', 'stack traces with errors'],
]

export interface CommonOptions {
  readonly store?: string
  readonly json?: boolean
  readonly policyKey?: string
  readonly quiet?: boolean
  readonly progress?: string
  readonly debug?: boolean
}
