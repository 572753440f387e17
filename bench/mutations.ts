import { execFile, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { MUTATIONS, type Mutation, type MutationTest } from './mutation-list.ts'

/**
 * node bench/mutations.ts                    changes one line of the write path at a time, in a copy of the tree
 * node bench/mutations.ts --only leased      only those whose names hold the text
 *
 * Each must make one of its tests fail. Ends with 1 when one is missed.
 */
const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } })

const ROOT = fileURLToPath(new URL('..', import.meta.url))

const chosen = MUTATIONS.filter(({ name }) => name.includes(values.only))
const tree = await mkdtemp(join(tmpdir(), 'ballast-mutations-'))
try {
  await copyTree(tree)
  await requirePassing(chosen.flatMap(({ tests }) => tests))
  let missed = 0
  for (const mutation of chosen) {
    const failed = await failedBy(mutation)
    if (failed === undefined) missed++
    const outcome = failed === undefined ? 'MISSED' : 'caught'
    console.log(`${outcome}  ${mutation.name} (${mutation.file})${failed === undefined ? '' : `: ${failed}`}`)
  }
  console.log(`mutations: ${chosen.length - missed} of ${chosen.length} caught`)
  if (missed > 0) process.exitCode = 1
} finally {
  await rm(tree, { recursive: true, force: true })
}

/** What git knows, as it is now. */
async function copyTree(to: string): Promise<void> {
  const { stdout } = await promisify(execFile)('git', ['ls-files', '-z'], { cwd: ROOT, maxBuffer: 1 << 26 })
  for (const path of stdout.split('\0').filter((name) => name !== '' && existsSync(join(ROOT, name)))) {
    await mkdir(join(to, dirname(path)), { recursive: true })
    await copyFile(join(ROOT, path), join(to, path))
  }
  await symlink(join(ROOT, 'node_modules'), join(to, 'node_modules'))
}

/** A test that fails anyway would seem to catch everything. */
async function requirePassing(tests: readonly MutationTest[]): Promise<void> {
  const different = new Map(tests.map((test) => [JSON.stringify(test), test]))
  for (const test of different.values()) {
    const failed = failuresOf(test)
    if (failed.length > 0) throw new Error(`${test.file} fails without any mutation: ${failed.join('; ')}`)
  }
}

/** The first test that fails with the mutation; undefined when all pass. */
async function failedBy({ file, text, replacement, tests, name }: Mutation): Promise<string | undefined> {
  const path = join(tree, file)
  const original = await readFile(path, 'utf8')
  const parts = original.split(text)
  if (parts.length !== 2) throw new Error(`${name}: its text occurs ${parts.length - 1} times in ${file}`)
  await writeFile(path, parts.join(replacement))
  try {
    for (const test of tests) {
      const failed = failuresOf(test)
      // A file that cannot even be loaded says nothing about its tests.
      if (failed.some((failure) => failure.endsWith('.ts')))
        throw new Error(`${name}: ${failed.join('; ')} cannot be loaded`)
      if (failed[0] !== undefined) return failed[0]
    }
    return undefined
  } finally {
    await writeFile(path, original)
  }
}

/** Names of the tests that fail, the innermost ones first; of the file where it is not one test alone. */
function failuresOf({ file, pattern, env }: MutationTest): readonly string[] {
  const options = ['--test', '--test-reporter=tap', '--test-timeout=300000']
  const only = pattern === undefined ? [] : [`--test-name-pattern=${pattern}`]
  const { NODE_TEST_CONTEXT: _, ...outer } = process.env
  const { status, stdout } = spawnSync(process.execPath, [...options, ...only, file], {
    cwd: tree,
    env: { ...outer, ...env },
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  const failed = [...stdout.matchAll(/^ *not ok \d+ - (.*)$/gm)].map(([, name = '']) => name)
  if (status !== 0 && failed.length === 0) return [file]
  const passed = [...stdout.matchAll(/^ *ok \d+ - (.*)$/gm)].filter(
    ([, name = '']) => !/# SKIP|\.ts$/.test(name),
  )
  if (status === 0 && passed.length === 0) throw new Error(`${file}: no test ran: ${stdout}`)
  return failed
}
