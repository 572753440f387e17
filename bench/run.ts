import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { BENCHES, keepResult, writeDocument } from './document.ts'
import type { Result } from './result.ts'

/**
 * npm run bench -- NAME --OPTION VALUE …     measures: a table on stderr, the figures as JSON on stdout
 * npm run bench -- NAME … --keep             and keeps the figures for docs/benchmarks.md
 */
const HERE = fileURLToPath(new URL('.', import.meta.url))
const keep = process.argv.includes('--keep')
const [name, ...options] = process.argv.slice(2).filter((arg) => arg !== '--keep')

if (name === undefined || !/^[\w-]+$/.test(name) || !existsSync(`${HERE}${name}.ts`)) {
  const scripts = (await readdir(HERE)).filter((file) => BENCHES.includes(file.replace(/\.ts$/, '')))
  const known = scripts.map((file) => file.replace(/\.ts$/, '')).sort()
  process.stderr.write(`npm run bench -- NAME [--keep] [--help]\nthere are: ${known.join(', ')}\n`)
  process.exitCode = 2
} else {
  const child = spawn(process.execPath, [`${HERE}${name}.ts`, ...options], {
    stdio: ['inherit', 'pipe', 'inherit'],
  })
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  process.stdout.write(output)
  process.exitCode = code ?? 1
  if (keep) await keepOutput(name, output)
}

async function keepOutput(bench: string, output: string): Promise<void> {
  const result = parseResult(output)
  if (result === undefined) {
    process.stderr.write(`nothing is kept: ${bench} printed no result\n`)
    process.exitCode ||= 1
    return
  }
  await keepResult(bench, { command: ['npm run bench --', bench, ...options].join(' '), ...result })
  await writeDocument()
}

function parseResult(output: string): Result | undefined {
  try {
    const result = JSON.parse(output.trim().split('\n').at(-1) ?? '') as Partial<Result>
    return typeof result.title === 'string' && Array.isArray(result.rows) ? (result as Result) : undefined
  } catch {
    return undefined
  }
}
