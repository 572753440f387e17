import { execFile } from 'node:child_process'
import { createCipheriv } from 'node:crypto'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { arch, cpus, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { publish } from './result.ts'
import type { Row } from './table.ts'

export const run = promisify(execFile)
/** The command as it is installed; `npm run build` makes it. */
export const BALLAST: string = fileURLToPath(new URL('../bin/ballast.cjs', import.meta.url))

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

/** Milliseconds of processor time that all of this machine has spent since it started, whoever took them. */
export function processorMs(): number {
  return cpus().reduce((sum, { times: { user, nice, sys, irq } }) => sum + user + nice + sys + irq, 0)
}

/** Runs the built command with `--json` and returns its answer. */
export async function ballast<T>(store: string, args: readonly string[]): Promise<T> {
  const { stdout } = await run(process.execPath, [BALLAST, ...args, '--json', '--store', store], {
    maxBuffer: 1 << 28,
  })
  return JSON.parse(stdout) as T
}

/** Below `$BENCH_DIRECTORY`, else the system's temporary directory: it decides which disk is measured. */
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
  {
    size,
    seed,
    change,
  }: { readonly size: number; readonly seed: number; readonly change?: (bytes: Buffer) => void },
): Promise<void> {
  const key = Buffer.alloc(16, seed)
  key.writeUInt32LE(seed)
  const stream = createCipheriv('aes-128-ctr', key, Buffer.alloc(16))
  const zeros = Buffer.alloc(4 * 1024 * 1024)
  const handle = await open(path, 'w')
  try {
    for (let left = size; left > 0; left -= zeros.length) {
      const bytes = stream.update(zeros.subarray(0, Math.min(left, zeros.length)))
      change?.(bytes)
      await handle.write(bytes)
    }
  } finally {
    await handle.close()
  }
}

/** Float32 as trained weights are distributed, of which a compressor saves a little; the same for the same seed. */
export async function writeWeightsFile(
  path: string,
  { size, seed }: { readonly size: number; readonly seed: number },
): Promise<void> {
  await writeRandomFile(path, { size, seed, change: toWeights })
}

/** Each four bytes become a normally distributed number: two choose among 65,536, two stay as its last digits. */
function toWeights(bytes: Buffer): void {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2)
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as number
    words[at] = ((NORMAL[word & 0xffff] as number) & 0xffff0000) | (word >>> 16)
  }
}

/** Bits of float32, by Box and Muller, with a deviation of 0.02. */
const NORMAL: Uint32Array = new Uint32Array(
  Float32Array.from({ length: 65_536 }, (_, at) => {
    const radius = Math.sqrt(-2 * Math.log(((at >> 8) + 0.5) / 256))
    return 0.02 * radius * Math.cos((2 * Math.PI * ((at & 255) + 0.5)) / 256)
  }).buffer,
)

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? 0)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

/** `figures` rounded as they are shown: 1.234 is 1.23, 1234.5 is 1235. */
export function rounded(figure: number): number {
  return Number(figure.toFixed(figure < 100 ? 2 : 0))
}

/** The same competitors in another order each time, so that none always follows the same other one. */
export function rotated<T>(competitors: readonly T[], run: number): readonly T[] {
  const first = run % competitors.length
  return [...competitors.slice(first), ...competitors.slice(0, first)]
}

/** Waits until what was written to this file system is on the disk, so that nobody pays for another's writing. */
export async function settle(directory: string): Promise<void> {
  await run('sync', ['-f', directory])
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

/** For a bench without options or bounds. */
export function report(title: string, rows: readonly Row[]): void {
  publish({ title, machine: machine(), rows })
}
