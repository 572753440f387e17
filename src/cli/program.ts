import { readFileSync } from 'node:fs'
import { Command, CommanderError, Help, Option } from 'commander'
import { BallastError, EXIT_CODES } from '../core/index.ts'
import { type Invocation, runVerb } from './action.ts'
import { loadVerb, loadVerbs } from './commands/index.ts'
import { reportFailure } from './failure.ts'
import type { Io } from './io.ts'
import { verbOf } from './plain.ts'
import { type AnyVerb, COMMON_OPTIONS, type CommonOptions, type VerbOption } from './verb.ts'

/** Reads any command line: runs the verb that it names, or prints help or what is wrong with it. */
export async function runProgram(args: readonly string[], io: Io): Promise<void> {
  const program = await createProgram(io, (invocation) => runVerb(invocation, io))
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return
    const verb = await loadVerb(verbOf(args) ?? '')
    io.setExitCode(verb?.failureCode ?? EXIT_CODES.USAGE)
    // Which options the verb has is not known when its arguments make no sense, hence the look at the arguments.
    if (args.includes('--json'))
      reportFailure(usageError(error, verb?.usageHint), io, { json: true, debug: false })
  }
}

const HELP_HINT = 'ballast --help lists the verbs, ballast VERB --help the options of one'

function usageError({ code, message }: CommanderError, hint = HELP_HINT): BallastError {
  const text = code === 'commander.help' ? 'no verb was named' : message.replace(/^error: /, '')
  return new BallastError('USAGE', text, { hint })
}

/** `run` gets what the command line says once it makes sense. */
export async function createProgram(
  io: Pick<Io, 'out' | 'err'>,
  run: (invocation: Invocation) => Promise<void>,
): Promise<Command> {
  const verbs = await loadVerbs()
  const program = new Command('ballast')
  program
    .description('Puts trained models where containers can use them: embedded in the image, or mounted.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [verb]', 'print the help of a verb')
    .configureOutput({
      writeOut: io.out,
      writeErr: io.err,
      outputError: (text, write) => write(text.replace(/^error: /, 'ballast: ')),
    })
    .configureHelp({ optionDescription: describeOption })
    .showSuggestionAfterError(true)
    .showHelpAfterError(`  ${HELP_HINT}`)
    // Otherwise a `--` behind the verb would be taken away before the verb sees it.
    .enablePositionalOptions()
    .exitOverride()
  addCommonOptions(program)
  for (const verb of Object.values(verbs)) addVerb(program, verb, run)
  for (const command of program.commands) {
    command.copyInheritedSettings(program)
    const hint = verbs[command.name()]?.usageHint
    if (hint !== undefined) command.showHelpAfterError(`  ${hint}`)
  }
  program.addHelpText(
    'after',
    '\nA first model:\n  $ ballast add sentiment ./models\n  $ ballast mount sentiment ./mounted\n',
  )
  return program
}

function addVerb(program: Command, verb: AnyVerb, run: (invocation: Invocation) => Promise<void>): void {
  const command = program.command(verb.usage).summary(verb.summary)
  if (verb.alias !== undefined) command.alias(verb.alias)
  const details = verb.details === undefined ? undefined : withoutBreaks(verb.details)
  command.description(details === undefined ? verb.summary : `${verb.summary}\n\n${details}`)
  for (const one of verb.options ?? []) {
    const option = toOption(one)
    const heading = verb.headings?.[option.long ?? '']
    if (heading !== undefined) command.optionsGroup(heading)
    command.addOption(option)
  }
  for (const argument of command.registeredArguments) {
    const choices = verb.choices?.[argument.name()]
    if (choices !== undefined) argument.argChoices = [...choices]
  }
  command.optionsGroup('Options:')
  addCommonOptions(command)
  command.addHelpText('after', `\nExamples:\n${verb.examples.map((example) => `  $ ${example}\n`).join('')}`)
  command.action((...args) =>
    run({
      verb,
      args: [...args.slice(0, -2), ownOptions(command)],
      // What stands behind the verb was written last.
      common: { ...program.opts<CommonOptions>(), ...command.opts<CommonOptions>() },
    }),
  )
}

/** Lines are broken by the width of the terminal, not by that of the source; those that are indented stay as they are. */
function withoutBreaks(details: string): string {
  const isKept = (line = ''): boolean => line.startsWith(' ')
  return details.split('\n').reduce((text, line) => {
    const [before, now] = [isKept(text.split('\n').at(-1)), isKept(line)]
    const between = before !== now ? '\n\n' : now ? '\n' : ' '
    return `${text}${between}${line}`
  })
}

/** Commander would take every word behind one that may be repeated for a value of it. */
function toOption([flags, description, fallback, choices]: VerbOption): Option {
  const option = new Option(flags.replace('...>', '>'), description).default(fallback)
  // Not by its method, which would refuse other words before the verb can say what to do.
  if (choices !== undefined) option.argChoices = [...choices]
  if (!flags.endsWith('...>')) return option
  return option.argParser((value: string, former: readonly string[] = []) => [...former, value])
}

/** The description names the choices in a sentence. */
function describeOption(this: Help, option: Option): string {
  const plain: Option = Object.create(option, { argChoices: { value: undefined } })
  return Help.prototype.optionDescription.call(this, plain)
}

function ownOptions(command: Command): Readonly<Record<string, unknown>> {
  const common = COMMON_OPTIONS.map(([flags, description]) => new Option(flags, description).attributeName())
  return Object.fromEntries(Object.entries(command.opts()).filter(([key]) => !common.includes(key)))
}

/** On the program as well as on each verb, so that they may stand before it or behind. */
function addCommonOptions(command: Command): void {
  for (const common of COMMON_OPTIONS) {
    const option = toOption(common)
    command.addOption(common[0] === '--debug' ? option.hideHelp() : option)
  }
}

function version(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version
}
