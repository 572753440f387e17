import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BALLAST, run } from './harness.ts'

const PEAK_MEMORY = fileURLToPath(new URL('./peak-memory.cjs', import.meta.url))

/** Runs the built command; the most resident memory that its process had, in bytes. */
export async function peakMemory(
  args: readonly string[],
  { directory, env }: { readonly directory: string; readonly env?: NodeJS.ProcessEnv },
): Promise<number> {
  const file = join(directory, 'peak')
  await rm(file, { force: true })
  await run(process.execPath, ['--require', PEAK_MEMORY, BALLAST, ...args], {
    env: { ...process.env, ...env, PEAK_MEMORY: file },
    maxBuffer: 1 << 28,
  })
  return Number(await readFile(file, 'utf8')) * 1024
}
