import { runProgram } from '../../src/cli/program.ts'
import { arm, disarm, type Fault, install } from './inject.ts'

/** One command in a scene of its own, and what goes wrong while it runs. */
export interface Attempt {
  readonly root: string
  readonly args: readonly string[]
  readonly fault?: Fault
}

export interface Outcome {
  readonly code: number
  readonly text: string
  /** Calls that the fault's code could have hit. */
  readonly calls: number
}

/**
 * Runs commands one after the other in this process, of which none will be left when what they leave behind is looked
 * at. Reads the attempts as JSON from its standard input, and prints the outcomes.
 */
async function main(): Promise<void> {
  let input = ''
  for await (const chunk of process.stdin) input += chunk
  const attempts = JSON.parse(input) as readonly Attempt[]
  if (attempts.some(({ fault }) => fault !== undefined)) await install()
  const outcomes: Outcome[] = []
  for (const { root, args, fault } of attempts) {
    let text = ''
    let code = 0
    const print = (printed: string): void => {
      text += printed
    }
    if (fault !== undefined) arm(root, fault)
    await runProgram([...args], {
      out: print,
      err: print,
      isTerminal: false,
      rows: 24,
      columns: 80,
      env: { PATH: process.env.PATH },
      home: root,
      setExitCode: (next) => {
        code = next
      },
    })
    const calls = disarm()
    outcomes.push({ code, text, calls })
  }
  process.stdout.write(JSON.stringify(outcomes))
}

if (process.argv[1] === import.meta.filename) await main()
