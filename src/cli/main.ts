import { runVerb } from './action.ts'
import { createIo } from './io.ts'
import { readPlain } from './plain.ts'

const args = process.argv.slice(2)
const io = createIo()
const invocation = readPlain(args)
if (invocation !== undefined) void runVerb(invocation, io)
// What reads any line, and prints the help, takes longer to load than a short verb takes to run.
else void import('./program.ts').then(({ runProgram }) => runProgram(args, io))
