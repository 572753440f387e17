import { runVerb } from './action.ts'
import { createIo } from './io.ts'
import { readPlain } from './plain.ts'

const args = process.argv.slice(2)
const io = createIo()
// What a shell asks while somebody types is no verb: it answers with words, or with nothing.
const asked = args[0] === '__complete'
const invocation = asked ? undefined : readPlain(args)
if (asked) void import('./completion/complete.ts').then(({ complete }) => complete(args.slice(1), io))
else if (invocation !== undefined) void runVerb(invocation, io)
// What reads any line, and prints the help, takes longer to load than a short verb takes to run.
else void import('./program.ts').then(({ runProgram }) => runProgram(args, io))
