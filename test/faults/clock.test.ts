import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Ran, run } from '../fixtures/command.ts'
import { randomModel } from '../fixtures/store.ts'
import { storedBlobs } from '../fixtures/store-facts.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

const PRELOAD = fileURLToPath(new URL('shifted-clock.ts', import.meta.url))
const YEAR = 365 * 24

/** Runs the command, whose clock is so many hours ahead; it must succeed. */
async function at(hours: number, store: string, ...args: string[]): Promise<Ran> {
  const nodeOptions = ['--import', PRELOAD]
  const ran = await run(args, { store, nodeOptions, env: { BALLAST_CLOCK_SHIFT: `${hours}` } })
  assert.equal(ran.code, 0, `ballast ${args.join(' ')} at ${hours} h: ${ran.stdout}${ran.stderr}`)
  return ran
}

test('a clock that jumps back and forth by years loses nothing and changes no order', async (t) => {
  const directory = await temporaryDirectory(t)
  const store = join(directory, 'store')
  const target = join(directory, 'target')
  const clocks = [0, -2 * YEAR, 3 * YEAR, -30 * YEAR, 1]
  for (const [index, hours] of clocks.entries()) {
    const source = await writeFiles(join(directory, `source-${index}`), randomModel(`${index}`))
    await at(hours, store, 'add', 'sentiment:prod', source)
    await at(-hours, store, 'mount', 'sentiment:prod', target, '--follow', '--once')
    await at(hours, store, 'gc')
  }
  const numbers = async (...args: string[]): Promise<readonly number[]> =>
    (JSON.parse((await at(0, store, ...args, '--json')).stdout) as { number: number }[]).map(
      ({ number }) => number,
    )
  assert.deepEqual(await numbers('history', 'sentiment:prod'), [1, 2, 3, 4, 5])
  // Beside another tag, whose moves are told in order of time.
  await at(YEAR, store, 'tag', 'sentiment:1', 'staging')
  const all = JSON.parse((await at(0, store, 'history', 'sentiment', '--json')).stdout) as {
    tag: string
    number: number
  }[]
  const ofProd = all.filter(({ tag }) => tag === 'sentiment:prod').map(({ number }) => number)
  assert.deepEqual(ofProd, [1, 2, 3, 4, 5])
  assert.deepEqual(await numbers('history', target), [1, 2, 3, 4, 5])
  await at(-10 * YEAR, store, 'rollback', 'sentiment:prod')
  assert.match((await at(0, store, 'show', 'sentiment:prod')).stdout, /sentiment:4/)
  await at(10 * YEAR, store, 'check', '--full', target)
  await at(10 * YEAR, store, 'verify')
})

const canUnshare = spawnSync('unshare', ['--pid', '--fork', 'true']).status === 0

test('work in another pid namespace is not taken for dead by a clock that is days ahead or behind', {
  skip: !canUnshare && !process.env.BALLAST_REQUIRE_PARTS && 'no pid namespaces can be made here',
}, async (t) => {
  const store = join(await temporaryDirectory(t), 'store')
  const program = fileURLToPath(new URL('../fixtures/processes/hold-session.ts', import.meta.url))
  const other = spawn('unshare', [
    '--pid',
    '--fork',
    '--kill-child',
    '--mount-proc',
    process.execPath,
    program,
    store,
    'leased',
  ])
  t.after(() => other.kill('SIGKILL'))
  const [line] = (await once(other.stdout, 'data')) as [Buffer]
  const digest = line.toString().trim()
  // They see its next sign of life, which comes within ten seconds, and believe that instead of its time.
  const sessions = join(store, 'ballast', 'sessions')
  const held = (await readdir(sessions)).length
  await Promise.all([at(48, store, 'gc'), at(-48, store, 'gc')])
  assert.ok((await storedBlobs(store)).has(digest), 'what a live session has leased is gone')
  assert.equal((await readdir(sessions)).length, held)
})
