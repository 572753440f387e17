import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmod, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ScanResult } from '../../src/workflows/scan.ts'
import { ask, run } from '../fixtures/command.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

const CALL = "cposix\nsystem\n(S'true'\ntR."

test('scan tells versions and paths, remembers what it found in the store, and ends with 4 for what is hostile', async (t) => {
  const root = await temporaryDirectory(t)
  const store = join(root, 'store')
  const good = await writeFiles(join(root, 'good'), { 'notes.txt': 'plain' })
  const bad = await writeFiles(join(root, 'bad'), { 'notes.txt': 'plain', 'deep/weights.bin': CALL })
  await ask(['add', 'm:good', good], { store })
  await ask(['add', 'm:bad', bad], { store })

  const clean = await run(['scan', 'm:good'], { store })
  assert.deepEqual([clean.code, clean.stdout], [0, 'm:good: clean; 1 file: 1 clean\n'])

  const hostile = await run(['scan', 'm:bad', '--json'], { store })
  assert.equal(hostile.code, 4)
  const { verdict, targets } = JSON.parse(hostile.stdout) as ScanResult
  assert.equal(verdict, 'hostile')
  assert.deepEqual(
    targets[0]?.files.map((file) => [file.path, file.verdict, file.findings.map(({ rule }) => rule)]),
    [
      ['deep/weights.bin', 'hostile', ['call', 'pickle']],
      ['notes.txt', 'clean', []],
    ],
  )

  const remembered = join(store, 'ballast/cache/scans')
  assert.equal((await readdir(remembered)).length, 2)
  const text = await run(['scan', 'm:bad', join(root, 'good')], { store })
  assert.equal(text.code, 4)
  assert.match(
    text.stdout,
    /deep\/weights\.bin {3}pickle, hostile\n {2}hostile {5}it calls posix\.system \[call\]/,
  )
  assert.match(text.stdout, /m:bad: hostile; 2 files: 1 hostile, 1 clean\n/)
  // By other rules it is looked for again.
  for (const name of await readdir(remembered)) {
    const path = join(remembered, name)
    await writeFile(
      path,
      (await readFile(path, 'utf8')).replace(/"scanner":\d+/, '"scanner":0').replaceAll('hostile', 'clean'),
    )
  }
  assert.equal((await run(['scan', 'm:bad'], { store })).code, 4)
})

test('scan takes a file of the working directory by its bare name, and refuses what is neither', async (t) => {
  const root = await temporaryDirectory(t)
  const store = join(root, 'store')
  await writeFiles(root, { 'model.pkl': CALL })
  assert.equal((await run(['scan', 'model.pkl'], { store, cwd: root })).code, 4)
  const missing = await run(['scan', './nothing'], { store, cwd: root })
  assert.deepEqual([missing.code, /no such file/.test(missing.stderr)], [3, true])
})

test('scan goes on behind what it may not read, and says so of each', async (t) => {
  const root = await temporaryDirectory(t)
  const models = await writeFiles(join(root, 'models'), {
    'a.bin': 'plain',
    'closed.bin': CALL,
    'z.bin': CALL,
    'shut/inner.bin': 'plain',
  })
  await chmod(root, 0o755)
  await chmod(join(models, 'closed.bin'), 0)
  await chmod(join(models, 'shut'), 0)
  await symlink('shut/inner.bin', join(models, 'link.bin'))
  await symlink('nowhere', join(models, 'nowhere.bin'))
  // Root may read everything.
  const uid = process.getuid?.() === 0 ? 65_534 : undefined
  const program = `
    const { scanPath } = await import(${JSON.stringify(new URL('../../src/workflows/scan-path.ts', import.meta.url).href)})
    if (${uid} !== undefined) process.setuid(${uid})
    const { verdict, files } = await scanPath(${JSON.stringify(models)})
    console.log(JSON.stringify([verdict, ...files.map((file) => [file.path, file.verdict, file.findings[0]?.what])]))`
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
  const denied = 'it cannot be read: permission denied (EACCES)'
  assert.deepEqual(JSON.parse(printed), [
    'hostile',
    ['a.bin', 'clean', null],
    ['closed.bin', 'unreadable', denied],
    ['link.bin', 'unreadable', denied],
    ['shut', 'unreadable', denied],
    ['z.bin', 'hostile', 'it calls posix.system'],
  ])
  await chmod(join(models, 'shut'), 0o755)
})
