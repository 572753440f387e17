import assert from 'node:assert/strict'
import { chmod, chown, lstat, mkdir, readdir, readFile, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { asFormerStore, randomModel } from '../fixtures/store.ts'
import { blobOf, filesOf, indexOf, leftoversIn } from '../fixtures/store-facts.ts'
import { writeFiles } from '../fixtures/temporary.ts'
import { cannotSwitchUsers, giveTo, openDirectory, runAs, type User } from '../fixtures/users.ts'

const skip = cannotSwitchUsers()
const GROUP = 54_321

interface Place {
  readonly store: string
  readonly ann: User
  readonly bob: User
  /** A directory of the user's own, with a model in it. */
  readonly source: (user: User, name: string) => Promise<string>
  /** Runs the command, which must succeed. */
  readonly as: (user: User, ...args: string[]) => Promise<string>
}

/** A store as an administrator sets it up for a group, and two of its users who share nothing else. */
async function place(t: TestContext, umasks: readonly [string, string], mode = 0o2775): Promise<Place> {
  const directory = await openDirectory(t)
  const store = join(directory, 'store')
  await mkdir(store)
  await chown(store, 0, GROUP)
  await chmod(store, mode)
  const [ann, bob] = umasks.map(
    (umask, at): User => ({ uid: 61_000 + at, gid: 61_000 + at, groups: [GROUP], umask }),
  ) as [User, User]
  for (const user of [ann, bob]) {
    await mkdir(join(directory, `home-${user.uid}`))
    await giveTo(user, join(directory, `home-${user.uid}`))
  }
  return {
    store,
    ann,
    bob,
    async source(user, name) {
      const path = join(directory, `home-${user.uid}`, name)
      await writeFiles(path, randomModel(name))
      await giveTo(user, path)
      return path
    },
    async as(user, ...args) {
      const ran = await runAs(user, [...args, '--store', store])
      assert.equal(ran.code, 0, `${user.uid}: ballast ${args.join(' ')}: ${ran.stdout}${ran.stderr}`)
      return ran.stdout + ran.stderr
    },
  }
}

for (const [umasks, mode] of [
  [['077', '022'], 0o2775],
  [['077', '077'], 0o2770],
] as const) {
  test(`what one user of a group's store makes, the other goes on with: umasks ${umasks}, mode ${mode.toString(8)}`, {
    skip,
  }, async (t) => {
    const { store, ann, bob, source, as } = await place(t, umasks, mode)
    const home = join(await source(ann, 'one'), '..')
    await as(ann, 'add', 'sentiment:prod', join(home, 'one'))
    // As an older version made it: whoever writes next upgrades it.
    await asFormerStore(store)
    await as(bob, 'add', 'sentiment:prod', await source(bob, 'two'))
    assert.equal(await readFile(join(store, 'ballast/format'), 'utf8'), '2\n')
    await as(bob, 'list')
    await as(ann, 'add', 'sentiment', await source(ann, 'three'))
    await as(ann, 'list')
    await as(bob, 'tag', 'sentiment:3', 'prod')
    await as(ann, 'rollback', 'sentiment:prod')
    await as(bob, 'verify')
    await as(ann, 'remove', 'sentiment:3')
    await as(bob, 'remove', 'sentiment:1')
    // Each collects the other's garbage.
    await as(bob, 'gc')
    await as(ann, 'gc')
    assert.match(await as(bob, 'show', 'sentiment:prod'), /sentiment:2/)
    const target = join(home, 'mounted')
    await as(ann, 'mount', 'sentiment:prod', target)
    assert.deepEqual(await filesOf(target), await filesOf(join(home, '..', `home-${bob.uid}`, 'two')))
    await as(bob, 'verify')
    assert.deepEqual(await leftoversIn(store), [])
    for (const entry of await readdir(store, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name)
      const info = await lstat(path)
      assert.equal(info.gid, GROUP, path)
      if (info.isDirectory()) assert.equal(info.mode & 0o7777, mode, path)
      // Of a mark nothing but its presence is looked at.
      else if (!path.endsWith('.released'))
        assert.equal(info.mode & 0o040, 0o040, `${path} cannot be read by the group`)
    }
  })
}

test('two users at work at once on the store of their group', { skip }, async (t) => {
  const { store, ann, bob, source, as } = await place(t, ['077', '022'])
  const sources = await Promise.all(
    [ann, bob].flatMap((user) => ['a', 'b'].map((name) => source(user, `${user.uid}${name}`))),
  )
  await Promise.all([
    ...sources.map((path, at) => as(at < 2 ? ann : bob, 'add', 'sentiment', path)),
    as(ann, 'gc'),
    as(bob, 'gc'),
  ])
  await Promise.all([
    as(ann, 'tag', 'sentiment:1', 'prod'),
    as(bob, 'tag', 'sentiment:2', 'prod'),
    as(bob, 'mount', 'sentiment:3', join(sources[2] ?? '', '..', 'mounted')),
    as(ann, 'verify'),
  ])
  const listed = JSON.parse(await as(bob, 'list', '--json')) as { ref: string }[]
  assert.deepEqual(
    listed.map(({ ref }) => ref),
    [1, 2, 3, 4].map((number) => `sentiment:${number}`),
  )
  const moves = JSON.parse(await as(ann, 'history', 'sentiment:prod', '--json')) as unknown[]
  assert.equal(moves.length, 2)
  const references = Object.keys(await indexOf(store)).filter((reference) => reference !== '')
  assert.deepEqual(
    references.sort(),
    [1, 2, 3, 4, 'latest', 'prod'].map((tag) => `sentiment:${tag}`),
  )
})

test('whoever comes while another user makes the store waits for it to be open to the group', {
  skip,
}, async (t) => {
  const { store, ann, bob, source, as } = await place(t, ['077', '022'])
  const own = join(store, 'ballast')
  await mkdir(own)
  await giveTo(ann, own)
  await chmod(own, 0o755)
  const adding = as(bob, 'add', 'sentiment', await source(bob, 'model'))
  await Promise.all([
    adding,
    sleep(700).then(async () => {
      await chown(own, ann.uid, GROUP)
      await chmod(own, 0o2775)
    }),
  ])
  assert.match(await as(ann, 'list'), /sentiment:1/)
})

test("another user's blobs are copied where the kernel does not let them be linked, and can be hashed again", {
  skip,
}, async (t) => {
  const { store, ann, bob, source, as } = await place(t, ['022', '022'])
  await as(ann, 'add', 'sentiment', await source(ann, 'model'))
  const home = join(await source(bob, 'own'), '..')
  const isProtected =
    (await readFile('/proc/sys/fs/protected_hardlinks', 'utf8').catch(() => '0')).trim() === '1'
  const said = await as(bob, 'mount', 'sentiment', join(home, 'linked'), '--link')
  assert.match(said, isProtected ? /the files were copied/ : /could change the bytes/)
  // Written to since it was verified, as far as its time tells; only its owner may put that right.
  const { files } = JSON.parse(await as(bob, 'show', 'sentiment', '--json')) as {
    files: { digest: string }[]
  }
  for (const { digest } of files) await utimes(blobOf(store, digest), 1e9, 1e9)
  await as(bob, 'mount', 'sentiment', join(home, 'again'))
  await as(bob, 'verify')
  await as(ann, 'verify')
  for (const { digest } of files) assert.equal((await lstat(blobOf(store, digest))).mtimeMs, 0)
})

test('who is not of the group reads, and is told how to come to write', { skip }, async (t) => {
  const { store, ann, source, as } = await place(t, ['022', '022'])
  await as(ann, 'add', 'sentiment', await source(ann, 'model'))
  const stranger: User = { uid: 62_000, gid: 62_000 }
  await as(stranger, 'list')
  const refused = await runAs(stranger, ['tag', 'sentiment:1', 'prod', '--store', store])
  assert.equal(refused.code, 7)
  assert.match(refused.stderr, new RegExp(`the store ${store} cannot be written by this user`))
  assert.match(refused.stderr, new RegExp(`join its group \\(gid ${GROUP}\\)`))
})
