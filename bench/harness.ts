import { execFile } from 'node:child_process'
import { createCipheriv } from 'node:crypto'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { arch, cpus, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const BALLAST = fileURLToPath(new URL('../bin/ballast.cjs', import.meta.url))

export interface Timed<T> {
  readonly value: T
  readonly ms: number
}

/** The whole process, from start to exit. */
export async function timed<T>(work: () => Promise<T>): Promise<Timed<T>> {
  const started = performance.now()
  const value = await work()
  return { value, ms: performance.now() - started }
}

/** Runs the built command with `--json` and returns its answer. */
export async function ballast<T>(store: string, args: readonly string[]): Promise<T> {
  const { stdout } = await run(process.execPath, [BALLAST, ...args, '--json', '--store', store], {
    maxBuffer: 1 << 28,
  })
  return JSON.parse(stdout) as T
}

export async function withDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(process.env.BENCH_DIRECTORY ?? tmpdir(), 'ballast-bench-'))
  try {
    return await work(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Bytes that no compressor makes smaller; the same for the same seed. */
export async function writeRandomFile(
  path: string,
  { size, seed }: { readonly size: number; readonly seed: number },
): Promise<void> {
  const stream = createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16))
  const zeros = Buffer.alloc(4 * 1024 * 1024)
  const handle = await open(path, 'w')
  try {
    for (let left = size; left > 0; left -= zeros.length) {
      await handle.write(stream.update(zeros.subarray(0, Math.min(left, zeros.length))))
    }
  } finally {
    await handle.close()
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? 0)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

/** `64MiB`, `4GiB` or plain bytes. */
export function parseSize(text: string): number {
  const [, number, unit = ''] = /^(\d+)\s*([kmg]?)i?b?$/i.exec(text) ?? []
  if (number === undefined) throw new Error(`not a size: ${text}`)
  return Number(number) * 1024 ** ['', 'k', 'm', 'g'].indexOf(unit.toLowerCase())
}

/** What the figures were measured on. */
export function machine(): Readonly<Record<string, string>> {
  return {
    node: process.version,
    system: `${process.platform} ${release()} ${arch()}`,
    cores: `${cpus().length}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
  }
}

/** The table on stderr for people, the figures as JSON on stdout. */
export function report(title: string, rows: readonly Readonly<Record<string, string | number>>[]): void {
  const columns = Object.keys(rows[0] ?? {})
  const lines = [columns, ...rows.map((row) => columns.map((column) => String(row[column] ?? '')))]
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => (line[at] ?? '').length)))
  const text = lines.map((line) =>
    line
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  process.stderr.write(`${title}\n${text.join('\n')}\n`)
  process.stdout.write(`${JSON.stringify({ title, machine: machine(), rows })}\n`)
}
