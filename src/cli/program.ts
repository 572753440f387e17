import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { COMMANDS } from './commands/index.ts'
import type { Io } from './io.ts'

const EXIT_USAGE = 2

export async function runProgram(argv: readonly string[], io: Io): Promise<void> {
  const program = createProgram(io)
  try {
    await program.parseAsync(argv as string[])
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    io.setExitCode(error.exitCode === 0 ? 0 : EXIT_USAGE)
  }
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
    .showHelpAfterError('  ballast --help lists the verbs, ballast VERB --help the options of one')
    .exitOverride()
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
