import { runVerb } from './action.ts'
import type { Io } from './io.ts'
import { readPlain } from './plain.ts'

/** Runs a command line. What reads any line, and prints help, takes as long to load as a short verb takes to run. */
export async function run(args: readonly string[], io: Io): Promise<void> {
  const invocation = await readPlain(args)
  if (invocation !== undefined) return runVerb(invocation, io)
  const { runProgram } = await import('./program.ts')
  return runProgram(args, io)
}
