import { runVerb } from './action.ts'
import { createIo } from './io.ts'
import { readPlain } from './plain.ts'

// Not awaited here: `bin/ballast.cjs` requires this module, and its graph must load at once.
void main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<void> {
  const io = createIo()
  // What a shell asks while somebody types is no verb: it answers with words, or with nothing.
  if (args[0] === '__complete') {
    const { complete } = await import('./completion/complete.ts')
    return complete(args.slice(1), io)
  }
  const invocation = await readPlain(args)
  if (invocation !== undefined) return runVerb(invocation, io)
  // What reads any line, and prints the help, takes longer to load than a short verb takes to run.
  const { runProgram } = await import('./program.ts')
  return runProgram(args, io)
}
