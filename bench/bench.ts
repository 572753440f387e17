import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import { type ParseArgsConfig, parseArgs } from 'node:util'
import { machine } from './harness.ts'
import { type Bound, publish } from './result.ts'
import type { Row } from './table.ts'

/** One claim and the one command that shows or refutes it: `node bench/NAME.ts --help`. */
export interface Bench<P extends string> {
  readonly title: string
  /** What is measured against what, in a sentence or two. */
  readonly method: string
  /** Every option takes a value; what stands here is its default. */
  readonly parameters: Readonly<Record<P, { readonly fallback: string; readonly what: string }>>
  /** Programs without which nothing can be measured. */
  readonly needs?: readonly string[]
  readonly measure: (parameters: Readonly<Record<P, string>>) => Promise<Measured>
}

export interface Measured {
  /** All with the same columns. */
  readonly rows: readonly Row[]
  readonly bounds: readonly Bound[]
}

/** Reads the options, measures, prints a table on stderr and the result on stdout. To be called by the main module. */
export async function runBench<P extends string>(bench: Bench<P>): Promise<void> {
  const parameters = readParameters(bench)
  if (parameters === undefined) return
  const absent = absentParts(bench)
  if (absent !== undefined) return giveUp(absent)
  const { title, method } = bench
  try {
    publish({ title, method, machine: machine(), ...(await bench.measure(parameters)) })
  } catch (error) {
    if (!(error instanceof Error && 'stderr' in error && 'cmd' in error)) throw error
    // What a command cannot do is told by the command itself.
    giveUp(`${error.cmd}\n${'stdout' in error ? error.stdout : ''}${error.stderr}`)
  }
}

function giveUp(why: string): void {
  process.stderr.write(`nothing was measured: ${why.trim()}\n`)
  process.exitCode = 1
}

function absentParts({ needs = [] }: { readonly needs?: readonly string[] }): string | undefined {
  const absent = needs.filter((program) => spawnSync(program, ['--version']).error !== undefined)
  if (absent.length > 0) return `${absent.join(', ')} is not installed`
  return existsSync(new URL('../dist/cli/main.js', import.meta.url))
    ? undefined
    : 'the command is not built; npm run build'
}

function readParameters<P extends string>(bench: Bench<P>): Readonly<Record<P, string>> | undefined {
  const described = Object.entries<{ readonly fallback: string; readonly what: string }>(bench.parameters)
  const options = Object.fromEntries(
    described.map(([name, { fallback }]) => [name, { type: 'string', default: fallback }] as const),
  )
  const read = readOptions({ ...options, help: { type: 'boolean' } })
  if (typeof read === 'object' && read.help !== true) return read as Readonly<Record<P, string>>
  const usage = described.map(([name, { fallback, what }]) => `  --${name} ${fallback}   ${what}\n`)
  const script = basename(process.argv[1] ?? '')
  process.stderr.write(`${bench.title}\n${bench.method}\n\nnode bench/${script}\n${usage.join('')}`)
  if (typeof read === 'string') {
    process.stderr.write(`\n${read}\n`)
    process.exitCode = 2
  }
  return undefined
}

/** What is wrong with them, in words, when something is. */
function readOptions(
  options: NonNullable<ParseArgsConfig['options']>,
): Readonly<Record<string, unknown>> | string {
  try {
    return parseArgs({ options }).values
  } catch (error) {
    if (error instanceof TypeError && 'code' in error) return error.message
    throw error
  }
}
