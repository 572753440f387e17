import { styleText } from 'node:util'

const started = performance.now()

export function heading(text: string): void {
  const seconds = `${((performance.now() - started) / 1000).toFixed(0)} s`.padStart(5)
  process.stdout.write(`\n${styleText('bold', text)}${styleText('dim', seconds)}\n`)
}

export function say(text: string): void {
  process.stdout.write(`  ${text}\n`)
}

/** A command as a person would type it, and what it printed. */
export function shown(command: string, output: string): void {
  process.stdout.write(`  ${styleText('cyan', `$ ${command}`)}\n`)
  for (const line of output.trimEnd().split('\n')) if (line !== '') process.stdout.write(`    ${line}\n`)
}

export function table(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  )
  rows.forEach((row, index) => {
    const line = `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('   ')}`.trimEnd()
    process.stdout.write(`${index === 0 ? styleText('bold', line) : line}\n`)
  })
}

export function bytes(count: number): string {
  if (count < 1024) return `${count} B`
  if (count < 1024 ** 2) return `${(count / 1024).toFixed(1)} KiB`
  if (count < 1024 ** 3) return `${(count / 1024 ** 2).toFixed(0)} MiB`
  return `${(count / 1024 ** 3).toFixed(1)} GiB`
}

export function time(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`
}
