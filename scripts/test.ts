import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

/**
 * Runs all tests in two lanes at once: those that wait most of the time, for a Docker Engine, which they share one after the
 * other, or for processes that are killed; and all others. What the second says is printed when it has ended. Options of
 * node --test are passed on.
 */
const LANES = [
  ['test/{docker,race}/**/*.test.ts', 'bench/**/*.test.ts'],
  ['src/**/*.test.ts', 'test/*.test.ts', 'test/!(docker|race)/**/*.test.ts', 'examples/**/*.test.ts'],
] as const

const COMPILED = join(import.meta.dirname, '../node_modules/.cache/tests')

async function runLane(files: readonly string[], isShown: boolean): Promise<number> {
  const args = ['--test', '--test-concurrency=1', '--test-reporter=spec', ...process.argv.slice(2), ...files]
  const child = spawn(process.execPath, args, {
    stdio: ['inherit', isShown ? 'inherit' : 'pipe', 'inherit'],
    // Each file of tests is a process that loads half of the project and an SDK: what one has compiled serves all.
    env: { ...process.env, NODE_COMPILE_CACHE: COMPILED },
  })
  const [said, [code]] = await Promise.all([
    child.stdout === null ? '' : text(child.stdout),
    once(child, 'exit'),
  ])
  process.stdout.write(said)
  return code ?? 1
}

const codes = await Promise.all(LANES.map((files, lane) => runLane(files, lane === 0)))
process.exitCode = Math.max(...codes)
