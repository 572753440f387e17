import assert from 'node:assert/strict'
import { rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { leftoversIn } from '../fixtures/store-facts.ts'
import { temporaryDirectory } from '../fixtures/temporary.ts'
import { cannotMount, type Tmpfs, temporaryTmpfs } from '../fixtures/tmpfs.ts'
import type { Outcome } from './attempts.ts'
import { assertNoGarbage, assertWhole, CASES, type Case, copyScene, makeScene, runAttempts } from './scene.ts'

const skip = cannotMount()
/** Every size; else some that are spread over all of them. */
const EVERY_SIZE = process.env.BALLAST_FAULTS === 'all'
const PAGE = 4096
/** From nothing to where every command has room enough. */
const PAGES = [0, 4, 12, 120]
const FILES = [0, 3, 60]

interface Shortage {
  readonly what: 'pages' | 'files'
  readonly left: number
}

interface Run {
  readonly fs: Tmpfs
  readonly root: string
  readonly shortage: Shortage
}

for (const verb of CASES.filter(({ name }) => name !== 'verify')) {
  test(`${verb.name} on a disk that gets full at any point`, { skip }, async (t) => {
    const template = join(await temporaryDirectory(t), 'template')
    await makeScene(template)
    const sizes = EVERY_SIZE ? upTo(PAGES.at(-1)) : PAGES
    const counts = EVERY_SIZE ? upTo(FILES.at(-1)) : FILES
    const shortages: Shortage[] = [
      ...sizes.map((left) => ({ what: 'pages', left }) as const),
      ...counts.map((left) => ({ what: 'files', left }) as const),
    ]
    const codes: number[] = []
    for (let first = 0; first < shortages.length; first += 60) {
      const runs: Run[] = []
      for (const shortage of shortages.slice(first, first + 60))
        runs.push(await prepare(t, template, shortage))
      codes.push(...(await tryAll(verb, runs)))
      for (const { fs } of runs) await fs.unmount()
    }
    t.diagnostic(`${codes.filter((code) => code === 0).length} of ${codes.length} succeed`)
    assert.equal(codes[sizes.length - 1], 0, 'it fails where there is room')
    if (verb.frees !== true) assert.equal(codes[0], 7, 'it succeeds where there is no room')
    else assert.deepEqual([...new Set(codes)], [0], 'what frees room needs some')
  })
}

function upTo(most = 0): readonly number[] {
  return Array.from({ length: most + 1 }, (_, at) => at)
}

/** A scene on a file system of its own, in which no more is left than the shortage says. */
async function prepare(t: TestContext, template: string, shortage: Shortage): Promise<Run> {
  const fs = await temporaryTmpfs(t)
  const root = await copyScene(template, join(fs.path, 'scene'))
  const { blocks, bfree, files, ffree } = await statfs(fs.path)
  if (shortage.what === 'pages') await fs.remount(`size=${(blocks - bfree + shortage.left) * PAGE}`)
  else await fs.remount(`nr_inodes=${files - ffree + shortage.left}`)
  return { fs, root, shortage }
}

async function tryAll(verb: Case, runs: readonly Run[]): Promise<readonly number[]> {
  const removed = verb.name === 'remove'
  const outcomes = await runAttempts(runs.map(({ root }) => ({ root, args: verb.args(root) })))
  const each = async (
    all: readonly Outcome[],
    look: (run: Run, outcome: Outcome) => Promise<void>,
  ): Promise<void> => {
    for (const [at, run] of runs.entries()) {
      const outcome = all[at] as Outcome
      try {
        await look(run, outcome)
        await assertWhole(run.root, { removed })
      } catch (error) {
        const where = `${run.shortage.left} ${run.shortage.what} left: exit ${outcome.code}: ${outcome.text}`
        throw new Error(`${where}${(error as Error).message}`, { cause: error })
      }
    }
  }
  await each(outcomes, async ({ fs, root }, { code, text }) => {
    if (code !== 0) {
      assert.equal(code, 7)
      assert.match(text, /ENOSPC|has .* free/)
      assert.ok(text.includes(fs.path), 'no place is named')
      assert.match(text, /^ {2}(?:free some space|make room)/m)
      await verb.unchanged?.(root)
    } else await verb.done(root)
    // Room again.
    await fs.remount('size=64m,nr_inodes=20000')
  })
  const commands = runs.map(({ root }, at) => {
    const isDone = verb.once === true && outcomes[at]?.code === 0
    return { root, args: isDone ? ['verify', '--store', join(root, 'store')] : verb.args(root) }
  })
  await each(await runAttempts(commands), async ({ root }, { code }) => {
    assert.equal(code, 0, 'it fails again where there is room again')
    await verb.done(root)
  })
  const collections = runs.map(({ root }) => ({ root, args: ['gc', '--store', join(root, 'store')] }))
  await each(await runAttempts(collections), async ({ root }, { code }) => {
    assert.equal(code, 0)
    await assertNoGarbage(root)
    for (const place of ['mounts', 'layout'])
      assert.deepEqual(await leftoversIn(join(root, place)), [], place)
  })
  return outcomes.map(({ code }) => code)
}

test('a copy that cannot end does not begin, and says how much room is missing', { skip }, async (t) => {
  const fs = await temporaryTmpfs(t, 'size=12m')
  const directory = await temporaryDirectory(t)
  const source = join(directory, 'weights.bin')
  await writeFile(source, Buffer.alloc(20 * 1024 * 1024, 1))
  const elsewhere = join(directory, 'store')
  const [small, stored, mounted] = await runAttempts([
    { root: fs.path, args: ['add', 'big', source, '--store', join(fs.path, 'store')] },
    { root: directory, args: ['add', 'big', source, '--store', elsewhere] },
    { root: fs.path, args: ['mount', 'big', join(fs.path, 'target'), '--store', elsewhere] },
  ])
  assert.deepEqual([small?.code, stored?.code, mounted?.code], [7, 0, 7], small?.text)
  for (const outcome of [small, mounted]) {
    assert.match(outcome?.text ?? '', /needs 20\.0 MiB, and the file system of .* has \d+\.\d MiB free/)
    assert.match(outcome?.text ?? '', /make room for \d+\.\d MiB more/)
  }
  await rm(elsewhere, { recursive: true })
})
