import assert from 'node:assert/strict'
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask, COMMAND, run, start } from '../fixtures/command.ts'
import { createRandom } from '../fixtures/random.ts'
import { filesOf, neededBlobs, storedBlobs } from '../fixtures/store-facts.ts'
import { writeFiles } from '../race/world.ts'

interface Version {
  readonly ref: string
  readonly digest: string
  readonly tags: readonly string[]
}

interface Swap {
  readonly version: string
  readonly digest: string
  readonly how: string
  readonly path: string
}

async function temporary(t: TestContext): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'ballast-story-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  return root
}

test('a model from its first version to its last: add, mount, follow, roll back, remove, gc', async (t) => {
  const root = await temporary(t)
  const options = { store: join(root, 'store'), cwd: root }
  const random = createRandom('story')
  const shared = random.bytes(300_000)
  const write = (version: string): Promise<void> =>
    writeFiles(join(root, 'models'), {
      'sentiment_model.pkl': random.bytes(200_000),
      'vocabulary/words.txt': shared,
      'config.json': JSON.stringify({ version }),
    })

  await write('first')
  const firstFiles = await filesOf(join(root, 'models'))
  const first = await ask<Version & { files: number; newBytes: number; bytes: number; warnings: string[] }>(
    ['add', 'sentiment', './models'],
    options,
  )
  assert.deepEqual([first.ref, first.files, first.newBytes], ['sentiment:1', 3, first.bytes])
  assert.deepEqual(await ask(['list'], options).then(essence), [['sentiment:1', first.digest, ['latest']]])

  await ask(['tag', 'sentiment:1', 'prod'], options)
  await ask(['mount', 'sentiment:1', './pinned'], options)
  assert.deepEqual(await filesOf(join(root, 'pinned')), firstFiles)
  const marker = JSON.parse(await readFile(join(root, 'pinned/.ballast/model.json'), 'utf8')) as object
  assert.deepEqual(marker, { model: 'sentiment', digest: first.digest, number: 1, reference: 'sentiment:1' })

  const following = start(['mount', 'sentiment:prod', './live', '--follow', '--json'], options)
  t.after(following.kill)
  const swaps = (): Swap[] =>
    following
      .stdout()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Swap)
  await until(() => swaps().length === 1)
  const live = join(root, 'live', 'sentiment', '.')
  assert.deepEqual(await filesOf(live), firstFiles)

  await write('second')
  const secondFiles = await filesOf(join(root, 'models'))
  const second = await ask<Version & { newBytes: number; bytes: number }>(
    ['add', 'sentiment:prod', './models'],
    options,
  )
  assert.equal(second.ref, 'sentiment:2')
  assert.ok(second.newBytes < second.bytes - shared.length + 1, 'what did not change is not stored again')
  await until(() => swaps().length === 2)
  assert.deepEqual(
    swaps().map(({ version, digest, path }) => [version, digest, path]),
    [
      ['sentiment:1', first.digest, 'sentiment'],
      ['sentiment:2', second.digest, 'sentiment'],
    ],
  )
  assert.deepEqual(await filesOf(live), secondFiles)
  assert.deepEqual(await filesOf(join(root, 'pinned')), firstFiles)

  const diff = await ask<{ changes: { path: string; change: string }[]; same: number }>(
    ['diff', 'sentiment:1', 'sentiment:2'],
    options,
  )
  assert.deepEqual(diff.changes.map(({ path, change }) => [path, change]).sort(), [
    ['config.json', 'changed'],
    ['sentiment_model.pkl', 'changed'],
  ])

  // By the tag, and again, which returns to where it was; then the directory alone, which leaves the tag.
  assert.equal((await ask<Version>(['rollback', 'sentiment:prod'], options)).digest, first.digest)
  await until(() => swaps().length === 3)
  assert.deepEqual(await filesOf(live), firstFiles)
  assert.equal((await ask<Version>(['rollback', 'sentiment:prod'], options)).digest, second.digest)
  await until(() => swaps().length === 4)
  assert.equal((await ask<Version>(['rollback', './live'], options)).digest, first.digest)
  assert.deepEqual(await filesOf(live), firstFiles)
  assert.equal((await ask<Version>(['show', 'sentiment:prod'], options)).digest, second.digest)
  const moves = await ask<readonly { by: string; number: number }[]>(['history', 'sentiment:prod'], options)
  assert.deepEqual(
    moves.map(({ by, number }) => [by, number]),
    [
      ['tag', 1],
      ['add', 2],
      ['rollback', 1],
      ['rollback', 2],
    ],
  )
  process.kill(following.child.pid ?? 0, 'SIGTERM')
  // To be stopped is how a follower ends, so a service manager is not to take it for a failure.
  assert.equal((await following.ended).code, 0)

  const checked = await run(['check', '--full', './pinned', './live', 'sentiment:prod'], options)
  assert.equal(checked.code, 0, checked.stdout + checked.stderr)
  await ask(['remove', 'sentiment:1'], options)
  const collected = await ask<{ removed: readonly unknown[] }>(['gc'], options)
  // Of the first version: manifest, config, the two files that changed, and its description with that one's manifest.
  assert.equal(collected.removed.length, 6)
  assert.deepEqual(
    [...(await storedBlobs(options.store))].sort(),
    [...(await neededBlobs(options.store))].sort(),
  )
  await ask(['verify'], options)
  // A mount lives without the store's copy.
  assert.equal((await run(['check', '--full', './pinned'], options)).code, 0)
  for (const target of ['./pinned', './live']) await ask(['unmount', target], options)
  await ask(['remove', 'sentiment', '--all'], options)
  await ask(['gc'], options)
  assert.equal((await storedBlobs(options.store)).size, 0)
})

test('the same files have the same version digest, wherever and whenever they are added', async (t) => {
  const root = await temporary(t)
  const random = createRandom('digest')
  const source = join(root, 'one', 'models')
  await writeFiles(source, {
    'b/weights.bin': random.bytes(5000),
    'a.txt': 'text',
    'B.txt': 'upper',
    é: 'umlaut',
  })
  const elsewhere = join(root, 'two', 'other-name')
  await cp(source, elsewhere, { recursive: true })
  const places = [
    { directory: source, umask: '022', env: { TZ: 'UTC', LC_ALL: 'C' } },
    { directory: elsewhere, umask: '077', env: { TZ: 'Pacific/Kiritimati', LC_ALL: 'tr_TR.UTF-8' } },
    { directory: elsewhere, umask: '000', env: { TZ: 'America/St_Johns', LC_ALL: 'C.UTF-8' } },
  ]
  const digests = new Set<string>()
  for (const [at, { directory, umask, env }] of places.entries()) {
    const store = join(root, `store-${at}`)
    const previous = process.umask(Number.parseInt(umask, 8))
    const added = await ask<Version>(['add', `model-${at}`, directory], { store, env }).finally(() =>
      process.umask(previous),
    )
    digests.add(added.digest)
  }
  assert.equal(digests.size, 1)
})

test('every verb explains itself with an example that begins with its own name', async () => {
  const help = await run(['--help'])
  assert.equal(help.code, 0)
  assert.match(help.stdout, /\$ ballast add /)
  const commands = help.stdout.slice(help.stdout.indexOf('Commands:'))
  const verbs = [...commands.matchAll(/^ {2}([a-z]+) /gm)].map(([, verb]) => verb ?? '')
  assert.ok(verbs.includes('add') && verbs.includes('mount'), verbs.join())
  for (const verb of verbs.filter((name) => name !== 'help')) {
    const { code, stdout, stderr } = await run([verb, '--help'])
    assert.equal(code, 0, stderr)
    assert.match(stdout, new RegExp(`Examples:\n {2}\\$ ballast ${verb}\\b`), `${verb} --help`)
    assert.equal((await run(['help', verb])).stdout, stdout)
  }
})

test('--version prints the version of the package, and nothing else', async () => {
  const manifest = JSON.parse(
    await readFile(join(COMMAND, '..', '..', 'package.json'), 'utf8').catch(() =>
      readFile(new URL('../../package.json', import.meta.url), 'utf8'),
    ),
  ) as { version: string }
  for (const flag of ['--version', '-V']) {
    const { code, stdout, stderr } = await run([flag])
    assert.deepEqual([code, stdout, stderr], [0, `${manifest.version}\n`, ''])
  }
})

test('standard output is closed early, as by `head`, and that is no failure', async (t) => {
  const root = await temporary(t)
  const store = join(root, 'store')
  await writeFiles(
    join(root, 'models'),
    Object.fromEntries(Array.from({ length: 1500 }, (_, at) => [`${at}`, `${at}`])),
  )
  await ask(['add', 'many', join(root, 'models')], { store })
  const shown = start(['show', 'many', '--json'], { store })
  shown.child.stdout?.destroy()
  const { code, stderr } = await shown.ended
  assert.deepEqual([code, stderr], [0, ''])
})

function essence(listed: unknown): readonly unknown[] {
  return (listed as readonly Version[]).map(({ ref, digest, tags }) => [ref, digest, tags])
}

/** A few seconds at the most: a busy machine is slow, a swap that never comes is a bug. */
async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if (holds()) return
    await sleep(25)
  }
  throw new Error('it did not happen within 10 s')
}
