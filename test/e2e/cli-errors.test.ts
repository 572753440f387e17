import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, open, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ask, run } from '../fixtures/command.ts'
import { assertFails, assertNoTrace, assertSays } from '../fixtures/failing.ts'
import { blobOf } from '../fixtures/store-facts.ts'

/** A store with one model, `sentiment`, and its source beside it. */
interface Setting {
  readonly root: string
  readonly store: string
  readonly source: string
}

async function setUp(t: TestContext): Promise<Setting> {
  const root = await mkdtemp(join(tmpdir(), 'ballast-errors-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  const source = join(root, 'source')
  await mkdir(source)
  await writeFile(join(source, 'weights.bin'), 'weights')
  await writeFile(join(source, 'config.json'), '{}')
  const store = join(root, 'store')
  await ask(['add', 'sentiment', source], { store })
  return { root, store, source }
}

test('an unknown model: the store that was searched, and names that are near', async (t) => {
  const { store } = await setUp(t)
  const expected = { code: 3, names: ['sentimnet', store], next: 'did you mean sentiment?' }
  for (const args of [
    ['show', 'sentimnet'],
    ['mount', 'sentimnet', './never'],
    ['history', 'sentimnet'],
    ['list', 'sentimnet'],
    ['remove', 'sentimnet:1'],
    ['rollback', 'sentimnet'],
    ['check', 'sentimnet'],
    ['tag', 'sentimnet', 'prod'],
    ['diff', 'sentimnet', 'sentiment'],
  ])
    await assertFails(args, expected, { store })
})

test('an unknown version: what there is instead', async (t) => {
  const { store } = await setUp(t)
  const next = 'sentiment has: latest, 1'
  await assertFails(
    ['show', 'sentiment:prod'],
    { code: 3, names: ['sentiment:prod', store], next },
    { store },
  )
  await assertFails(['show', 'sentiment:7'], { code: 3, names: ['sentiment:7', store], next }, { store })
  const digest = `sha256:${'0'.repeat(64)}`
  await assertFails(['show', `sentiment@${digest}`], { code: 3, names: [digest], next }, { store })
})

test('nothing that failed to be found makes a store', async (t) => {
  const { root } = await setUp(t)
  const store = join(root, 'elsewhere')
  const expected = { code: 3, names: ['sentiment', store], next: 'ballast add sentiment' }
  await assertFails(['show', 'sentiment'], expected, { store })
  assert.deepEqual(await readdir(root), ['source', 'store'])
})

test('a source that is not there, leads nowhere, or is no file', async (t) => {
  const { root, store, source } = await setUp(t)
  const missing = join(root, 'missing')
  const relative = { code: 3, names: [missing, 'no such file'], next: 'paths are relative to' }
  await assertFails(['add', 'm', missing], relative, { store })
  const through = join(source, 'config.json', 'weights.bin')
  await assertFails(['add', 'm', through], { code: 7, names: [through], next: /not a directory/ }, { store })

  const dangling = join(root, 'dangling')
  await mkdir(dangling)
  await symlink('nowhere', join(dangling, 'weights.bin'))
  const nowhere = { code: 4, names: ['weights.bin', 'leads nowhere'], next: 'copy the file' }
  await assertFails(['add', 'm', dangling], nowhere, { store })

  const outside = join(root, 'outside')
  await mkdir(outside)
  await symlink(join(source, 'weights.bin'), join(outside, 'weights.bin'))
  const leaves = { code: 4, names: ['weights.bin', source], next: 'add the directory that holds both' }
  await assertFails(['add', 'm', outside], leaves, { store })

  const special = join(root, 'special')
  await mkdir(special)
  execFileSync('mkfifo', [join(special, 'pipe')])
  await assertFails(
    ['add', 'm', special],
    { code: 4, names: ['pipe', 'not a regular file'], next: 'remove' },
    { store },
  )

  const empty = join(root, 'empty')
  await mkdir(empty)
  await assertFails(
    ['add', 'm', empty],
    { code: 4, names: [empty], next: 'name the files of the model' },
    { store },
  )
  assert.deepEqual(
    (await ask<readonly { ref: string }[]>(['list'], { store })).map(({ ref }) => ref),
    ['sentiment:1'],
  )
})

test('a source or a store that the user may not read or write', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('only root can run a command as somebody else')
  const { root, source } = await setUp(t)
  const uid = 65_534
  await chmod(root, 0o755)
  const store = join(root, 'theirs')
  await mkdir(store)
  await chmod(store, 0o777)
  for (let other = 0; other < 8; other++)
    await writeFile(join(source, `other-${other}`), Buffer.alloc(1_000_000, other))
  const secret = join(source, 'secret.bin')
  await writeFile(secret, 'secret', { mode: 0o600 })
  const unreadable = { code: 7, names: [secret], next: 'permission denied' }
  await assertFails(['add', 'm', source], unreadable, { store, uid })
  assert.deepEqual(
    await readdir(join(store, 'ballast', 'sessions')),
    [],
    'a failed add leaves nothing half-written',
  )
  const closed = join(root, 'closed')
  await mkdir(closed, { mode: 0o755 })
  const weights = join(source, 'weights.bin')
  await assertFails(
    ['add', 'm', weights],
    { code: 7, names: [closed], next: 'run the command as its owner' },
    { store: closed, uid },
  )
})

test('a blob that was damaged on the disk: refused with what mends it, and mended by that', async (t) => {
  const { root, store, source } = await setUp(t)
  const { files } = await ask<{ files: readonly { path: string; digest: string }[] }>(['show', 'sentiment'], {
    store,
  })
  const digest = files.find(({ path }) => path === 'weights.bin')?.digest ?? ''
  const handle = await open(blobOf(store, digest), 'r+')
  await handle.write('W', 0)
  await handle.close()

  const target = join(root, 'mounted')
  const expected = {
    code: 4,
    names: ['sentiment:latest', /weights\.bin|sha256:/],
    next: `ballast add sentiment ${source}`,
  }
  await assertFails(['mount', 'sentiment', target], expected, { store })
  await assertFails(['mount', 'sentiment', target, '--follow', '--once'], expected, { store })
  const { problems } = JSON.parse((await run(['verify', '--json'], { store })).stdout) as {
    problems: readonly { kind: string; digest: string; neededBy: readonly string[]; mend: string }[]
  }
  const [problem] = problems
  assert.equal(problems.length, 1)
  assert.deepEqual([problem?.kind, problem?.digest], ['damaged', digest])
  assert.deepEqual(problem?.neededBy, ['sentiment:1 weights.bin'])
  assert.match(problem?.mend ?? '', /ballast add sentiment/)
  const verified = await run(['verify'], { store })
  assert.equal(verified.code, 4)
  assertNoTrace(verified)

  await ask(['add', 'sentiment', source], { store })
  assert.equal((await run(['verify'], { store })).code, 0)
  await ask(['mount', 'sentiment', join(root, 'mended')], { store })
  assert.equal((await run(['check', '--full', join(root, 'mended')], { store })).code, 0)
})

test('a blob that has gone: the same', async (t) => {
  const { root, store, source } = await setUp(t)
  const { files } = await ask<{ files: readonly { path: string; digest: string }[] }>(['show', 'sentiment'], {
    store,
  })
  const digest = files.find(({ path }) => path === 'weights.bin')?.digest ?? ''
  await rm(blobOf(store, digest))
  const target = join(root, 'mounted')
  const expected = { code: 4, names: ['sentiment:latest', digest], next: `ballast add sentiment ${source}` }
  await assertFails(['mount', 'sentiment', target], expected, { store })
  assert.equal((await run(['verify'], { store })).code, 4)
  await ask(['add', 'sentiment', source], { store })
  await ask(['mount', 'sentiment', target], { store })
})

test('a target that holds something else, or is none', async (t) => {
  const { root, store } = await setUp(t)
  const full = join(root, 'full')
  await mkdir(full)
  await writeFile(join(full, 'notes.txt'), 'mine')
  const refused = { code: 5, names: [full, 'not empty'], next: 'nothing was changed' }
  await assertFails(['mount', 'sentiment', full], refused, { store })
  await assertFails(['mount', 'sentiment', full, '--replace'], refused, { store })
  await assertFails(['mount', 'sentiment', full, '--follow', '--once'], refused, { store })
  assert.deepEqual(await readdir(full), ['notes.txt'])

  const file = join(full, 'notes.txt')
  await assertFails(
    ['mount', 'sentiment', file],
    { code: 4, names: [file, 'a file'], next: 'name a directory' },
    { store },
  )
  const link = join(root, 'link')
  await symlink(full, link)
  const linked = { code: 4, names: [link, 'a symbolic link'], next: 'name a directory' }
  await assertFails(['mount', 'sentiment', link], linked, { store })
  await assertFails(['mount', 'sentiment', link, '--follow', '--once'], linked, { store })
  const below = join(file, 'target')
  await assertFails(
    ['mount', 'sentiment', below],
    { code: 7, names: [below], next: /not a directory/ },
    { store },
  )
})

test('a target that is mounted in another way', async (t) => {
  const { root, store, source } = await setUp(t)
  const pinned = join(root, 'pinned')
  const following = join(root, 'following')
  await ask(['mount', 'sentiment', pinned], { store })
  await ask(['mount', 'sentiment', following, '--follow', '--once'], { store })
  await writeFile(join(source, 'weights.bin'), 'newer weights')
  await ask(['add', 'sentiment', source], { store })
  await assertFails(
    ['mount', 'sentiment', pinned],
    { code: 5, names: [pinned, 'another version'], next: '--replace' },
    { store },
  )
  await assertFails(
    ['mount', 'sentiment', pinned, '--follow', '--once'],
    { code: 5, names: [pinned], next: `ballast unmount ${pinned}` },
    { store },
  )
  await assertFails(
    ['mount', 'sentiment', following],
    { code: 5, names: [following], next: `ballast unmount ${following}` },
    { store },
  )
  await assertFails(
    ['unmount', source],
    { code: 3, names: [source], next: 'only what it has put there' },
    { store },
  )
  await assertFails(['history', pinned], { code: 3, names: [pinned], next: '--follow' }, { store })
})

test('file names that could do harm elsewhere', async (t) => {
  const { root, store } = await setUp(t)
  for (const [name, why] of [
    ['.wh.weights.bin', 'delete files in an image'],
    ['new\nline', 'control character'],
  ] as const) {
    const source = join(root, `harm-${name.length}`)
    await mkdir(source)
    await writeFile(join(source, name), '')
    const named = JSON.stringify(name)
    await assertFails(['add', 'm', source], { code: 4, names: [named], next: why }, { store })
  }
})

test('names, tags and operands that break the rules', async (t) => {
  const { store, source } = await setUp(t)
  const lower = 'use lower-case letters'
  for (const name of ['Sentiment', 'a//b', 'a__b', 'ä'])
    await assertFails(['add', name, source], { code: 2, names: [name], next: lower }, { store })
  await assertFails(
    ['tag', 'sentiment', 'no spaces'],
    { code: 2, names: ['no spaces'], next: 'at most 128' },
    { store },
  )
  await assertFails(
    ['show', 'sentiment@sha256:12'],
    { code: 2, names: ['sentiment@sha256:12'], next: 'NAME@sha256:' },
    { store },
  )
  await assertFails(
    ['add', source, source],
    { code: 2, names: [source], next: 'ballast add NAME' },
    { store },
  )
  await assertFails(
    ['tag', 'sentiment', 'other:prod'],
    { code: 2, names: ['other:prod'], next: 'ballast tag sentiment' },
    { store },
  )
  await assertFails(
    ['remove', 'sentiment'],
    { code: 2, names: ['sentiment'], next: 'ballast remove sentiment:1' },
    { store },
  )
  await assertFails(
    ['mount', 'sentiment', './never', '--once'],
    { code: 2, names: ['--once'], next: '--follow' },
    { store },
  )
  await assertFails(
    ['rollback', 'sentiment:1'],
    { code: 2, names: ['sentiment:1'], next: 'ballast rollback sentiment:latest' },
    { store },
  )
})

test('verbs and options that do not exist, and operands that are missing', async (t) => {
  const { store } = await setUp(t)
  for (const [args, names] of [
    [
      ['mout', 'sentiment', './never'],
      ['mout', 'Did you mean mount?'],
    ],
    [
      ['mount', 'sentiment', './never', '--folow'],
      ['--folow', 'Did you mean --follow?'],
    ],
    [['mount', 'sentiment'], ['target']],
    [['show'], ['ref']],
  ] as const) {
    const ran = await run(args, { store })
    assert.equal(ran.code, 2, ran.stderr)
    assert.equal(ran.stdout, '')
    assertNoTrace(ran)
    for (const name of names) assertSays(ran.stderr, name, args.join(' '))
    assertSays(ran.stderr, 'ballast --help', args.join(' '))
  }
})

test('usage errors are one JSON document too', async (t) => {
  const { store } = await setUp(t)
  for (const args of [[], ['mout'], ['mount', 'sentiment', './never', '--folow'], ['show']]) {
    const ran = await run([...args, '--json'], { store })
    assert.equal(ran.code, 2)
    const { error } = JSON.parse(ran.stdout) as { error: { code: string; message: string; hint: string } }
    assert.equal(error.code, 'USAGE')
    assert.ok(error.message.length > 0)
    assert.match(error.hint, /--help/)
  }
})

test('numbers that are taken, or that never move', async (t) => {
  const { store, source } = await setUp(t)
  await assertFails(
    ['add', 'sentiment:5', source],
    { code: 5, names: ['sentiment:5', 'sentiment:1'], next: 'leave the number out' },
    { store },
  )
  await writeFile(join(source, 'weights.bin'), 'other weights')
  await assertFails(
    ['add', 'sentiment:1', source],
    { code: 5, names: ['sentiment:1', 'next free number is 2'], next: 'leave the number out' },
    { store },
  )
  await assertFails(
    ['tag', 'sentiment', '3'],
    { code: 5, names: ['sentiment:3', 'numbers never move'], next: 'sentiment:v3' },
    { store },
  )
})

test('a tag that has nothing to go back to, or only what was removed', async (t) => {
  const { store, source } = await setUp(t)
  await ask(['tag', 'sentiment:1', 'prod'], { store })
  await assertFails(
    ['rollback', 'sentiment:prod'],
    { code: 5, names: ['sentiment:prod'], next: 'ballast history sentiment' },
    { store },
  )
  await assertFails(
    ['remove', 'sentiment:1'],
    { code: 5, names: ['sentiment:prod'], next: 'ballast tag' },
    { store },
  )
  await writeFile(join(source, 'weights.bin'), 'other weights')
  await ask(['add', 'sentiment:prod', source], { store })
  await ask(['remove', 'sentiment:1', '--force'], { store })
  await ask(['gc'], { store })
  await assertFails(
    ['rollback', 'sentiment:prod'],
    { code: 5, names: ['sentiment:prod', 'removed'], next: 'ballast history sentiment' },
    { store },
  )
  assert.equal((await run(['verify'], { store })).code, 0)
  await ask(['show', 'sentiment:prod'], { store })
})

test('a store directory that is something else', async (t) => {
  const { root, source } = await setUp(t)
  const foreign = join(root, 'foreign')
  await mkdir(foreign)
  await writeFile(join(foreign, 'notes.txt'), 'mine')
  const expected = { code: 4, names: [foreign, 'not a Ballast store'], next: 'BALLAST_STORE' }
  await assertFails(['add', 'm', source], expected, { store: foreign })
  await assertFails(['list'], expected, { store: foreign })
  assert.deepEqual(await readdir(foreign), ['notes.txt'])

  const file = join(foreign, 'notes.txt')
  await assertFails(['list'], { code: 7, names: [file], next: /not a directory/ }, { store: file })

  const later = join(root, 'later')
  await mkdir(join(later, 'ballast'), { recursive: true })
  await writeFile(join(later, 'ballast', 'format'), '3\n')
  await assertFails(
    ['list'],
    { code: 4, names: [later, 'format 3'], next: 'update Ballast' },
    { store: later },
  )
})
