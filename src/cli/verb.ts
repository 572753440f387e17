import { type Command, Option } from 'commander'
import { action, type Session } from './action.ts'
import type { Io } from './io.ts'

export interface Verb<A extends readonly unknown[]> {
  /** Name and operands, in commander's notation: `add <name> <source...>`. */
  readonly usage: string
  /** As other tools call it. */
  readonly alias?: string
  readonly summary: string
  /** What the summary leaves open, in a few lines. */
  readonly details?: string
  readonly options?: readonly (readonly [flags: string, description: string, fallback?: string])[]
  readonly examples: readonly string[]
  readonly run: (session: Session, ...args: A) => Promise<void>
}

/** Adds a verb with the options that all verbs have. */
export function defineVerb<A extends readonly unknown[]>(program: Command, io: Io, verb: Verb<A>): void {
  const command = program.command(verb.usage).summary(verb.summary)
  if (verb.alias !== undefined) command.alias(verb.alias)
  // Lines are broken by the width of the terminal, not by that of the source.
  const details = verb.details?.replaceAll('\n', ' ')
  command.description(details === undefined ? verb.summary : `${verb.summary}\n\n${details}`)
  for (const [flags, description, fallback] of verb.options ?? [])
    command.option(flags, description, fallback)
  addCommonOptions(command)
  command.addHelpText('after', `\nExamples:\n${verb.examples.map((example) => `  $ ${example}\n`).join('')}`)
  command.action(action(io, verb.run))
}

/** On the program as well as on each verb, so that they may stand before it or behind. */
export function addCommonOptions(command: Command): void {
  command
    .addOption(
      new Option(
        '--store <dir>',
        'the store (default: $BALLAST_STORE, /var/lib/ballast or your data directory)',
      ),
    )
    .addOption(new Option('--json', 'print the answer as JSON'))
    .addOption(new Option('-q, --quiet', 'no progress and no remarks'))
    .addOption(new Option('--debug', 'stack traces with errors').hideHelp())
}
