import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { ask, run as ballast } from '../fixtures/command.ts'
import { assertFails } from '../fixtures/failing.ts'
import { writeImageLayout } from '../fixtures/image-layout.ts'
import { missingParts } from '../fixtures/parts.ts'
import { filesOf } from '../fixtures/store-facts.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

const run = promisify(execFile)

/** Each is a file of its own on Linux. */
const NAMES = [
  'with space',
  ' space at both ends ',
  '-rf',
  '--help',
  "it's",
  '"quoted"',
  '$(touch gone) `touch gone`',
  'back\\slash',
  '100% #1 & more; *?[a]',
  '~',
  '.hidden',
  '..two dots',
  'a:b@c',
  'packed-1.tar',
  '\u{1f9e0} \u6a21\u578b/\u{1f468}\u200d\u{1f469}\u200d\u{1f467}.bin',
  '\u05e2\u05d1\u05e8\u05d9\u05ea',
  '\u00e9',
  'e\u0301',
  'Case',
  'case',
  'x'.repeat(255),
  '\u6a21'.repeat(85),
  `${'deep/'.repeat(30)}-n`,
  `${'p'.repeat(155)}/${'q'.repeat(101)}`,
]

const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/

for (const [what, more] of [
  ['few', 0],
  ['very many', 2001],
] as const) {
  test(`awkward names among ${what} files come back byte for byte from a mount, and are told in plain lines`, async (t) => {
    const { directory, options, wanted } = await createWorld(t, more)
    const { warnings } = await ask<{ warnings: string[] }>(['add', 'odd', './-model'], options)
    assert.match(warnings.join('\n'), /are one name to macOS and Windows/)
    const { files } = await ask<{ files: { path: string }[] }>(['show', 'odd'], options)
    assert.deepEqual(files.map(({ path }) => path).sort(), Object.keys(wanted).sort())
    for (const args of [['list'], ['show', 'odd'], ['check', 'odd'], ['history', 'odd']]) {
      const { stdout, code } = await ballast(args, options)
      assert.equal(code, 0)
      assert.doesNotMatch(stdout, CONTROL)
      if (args[0] !== 'show') continue
      for (const name of NAMES)
        assert.equal(stdout.split('\n').filter((line) => line.startsWith(`${name} `)).length, 1, name)
    }
    await ask(['mount', 'odd', './pinned'], options)
    await ask(['mount', 'odd', './live', '--follow', '--once'], options)
    for (const tree of ['pinned', 'live/odd/.'])
      assert.deepEqual(await filesOf(join(directory, tree)), wanted)
    assert.equal((await ballast(['check', '--full', './pinned', './live', 'odd'], options)).code, 0)
    await rm(join(directory, 'pinned', '-rf'))
    assert.match((await ballast(['check', './pinned'], options)).stdout, /^ +-rf: missing$/m)
  })

  test(`awkward names among ${what} files are in an image as they are`, {
    skip: missingParts('umoci'),
  }, async (t) => {
    const { directory, options, wanted } = await createWorld(t, more)
    await ask(['add', 'odd', './-model'], options)
    const layout = join(directory, 'layout')
    await writeImageLayout(layout, { tag: 'base', layers: [[{ path: 'app/' }]] })
    await ask(['embed', 'odd=/app/models', `oci:${layout}:base`, '-t', `oci:${layout}:v1`], options)
    const rootless = process.getuid?.() === 0 ? [] : ['--rootless']
    await run('umoci', ['unpack', ...rootless, '--image', `${layout}:v1`, join(directory, 'bundle')])
    assert.deepEqual(await filesOf(join(directory, 'bundle/rootfs/models/odd')), wanted)
  })
}

test('a model of one file with an awkward name is mounted under that name', async (t) => {
  const directory = await temporaryDirectory(t)
  const options = { store: join(directory, 'store'), cwd: directory }
  for (const [at, name] of ['-rf', 'with space', '\u{1f9e0}', 'x'.repeat(255)].entries()) {
    await writeFile(join(directory, name), name)
    await ask(['add', `one-${at}`, `./${name}`], options)
    await ask(['mount', `one-${at}`, `./live-${at}`, '--follow', '--once'], options)
    assert.equal(await readFile(join(directory, `live-${at}`, name), 'utf8'), name)
    assert.equal(await readlink(join(directory, `live-${at}`, name)), `one-${at}/${name}`)
    assert.equal((await ballast(['check', '--full', `./live-${at}`], options)).code, 0)
  }
})

for (const [what, name, shown] of [
  ['a newline', 'new\nline', '"new\\nline"'],
  ['an escape sequence', '\u001b[31mred', '"\\u001b[31mred"'],
  ['an escape sequence of one character', '\u009b31mred', '"\\u009b31mred"'],
] as const) {
  test(`a name with ${what} is refused, and shown as no terminal obeys it`, async (t) => {
    const directory = await temporaryDirectory(t)
    await mkdir(join(directory, 'model'))
    await writeFile(join(directory, 'model', name), 'x')
    const options = { store: join(directory, 'store'), cwd: directory }
    const failed = await assertFails(
      ['add', 'odd', './model'],
      { code: 4, names: [shown], next: 'control character' },
      options,
    )
    assert.doesNotMatch(failed.stderr, CONTROL)
  })
}

async function createWorld(
  t: TestContext,
  more: number,
): Promise<{
  readonly directory: string
  readonly options: { readonly store: string; readonly cwd: string }
  /** Digests by path. */
  readonly wanted: Readonly<Record<string, string>>
}> {
  const directory = await temporaryDirectory(t)
  const filling = Array.from({ length: more }, (_, at) => [`filling/${at}`, `${at}`])
  const odd = NAMES.map((name, at) => [name, `${at} ${name}`])
  await writeFiles(join(directory, '-model'), Object.fromEntries([...odd, ...filling]))
  const wanted = await filesOf(join(directory, '-model'))
  return { directory, options: { store: join(directory, 'store'), cwd: directory }, wanted }
}
