import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { BallastError, EXIT_CODES } from '../core/index.ts'
import { COMMANDS } from './commands/index.ts'
import { reportFailure } from './failure.ts'
import type { Io } from './io.ts'
import { addCommonOptions } from './verb.ts'

export async function runProgram(argv: readonly string[], io: Io): Promise<void> {
  const program = createProgram(io)
  try {
    await program.parseAsync(argv as string[])
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return
    io.setExitCode(EXIT_CODES.USAGE)
    // Which options the verb has is not known when its arguments make no sense, hence the look at the arguments.
    if (argv.includes('--json')) reportFailure(usageError(error), io, { json: true, debug: false })
  }
}

const HELP_HINT = 'ballast --help lists the verbs, ballast VERB --help the options of one'

function usageError({ code, message }: CommanderError): BallastError {
  const text = code === 'commander.help' ? 'no verb was named' : message.replace(/^error: /, '')
  return new BallastError('USAGE', text, { hint: HELP_HINT })
}

export function createProgram(io: Io): Command {
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
    .showSuggestionAfterError(true)
    .showHelpAfterError(`  ${HELP_HINT}`)
    .exitOverride()
  addCommonOptions(program)
  for (const define of COMMANDS) define(program, io)
  for (const command of program.commands) command.copyInheritedSettings(program)
  program.addHelpText(
    'after',
    '\nA first model:\n  $ ballast add sentiment ./models\n  $ ballast mount sentiment ./mounted\n',
  )
  return program
}

function version(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version
}
