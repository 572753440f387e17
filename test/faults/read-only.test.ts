import assert from 'node:assert/strict'
import { chmod, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Ran, run } from '../fixtures/command.ts'
import { asFormerStore } from '../fixtures/store.ts'
import { filesOf } from '../fixtures/store-facts.ts'
import { temporaryDirectory } from '../fixtures/temporary.ts'
import { cannotMount, temporaryTmpfs } from '../fixtures/tmpfs.ts'
import { cannotSwitchUsers, giveTo, openDirectory, runAs, type User } from '../fixtures/users.ts'
import { copyScene, makeScene } from './scene.ts'

interface Place {
  readonly store: string
  /** Where whoever runs the command may write. */
  readonly scratch: string
  readonly ballast: (...args: string[]) => Promise<Ran>
}

const READING = [
  ['list'],
  ['show', 'sentiment:prod'],
  ['history', 'sentiment'],
  ['diff', 'sentiment:1', 'sentiment:2'],
  ['verify'],
  ['check', 'sentiment:prod', '--full'],
  ['gc', '--dry-run'],
]

const WRITING = [
  ['tag', 'sentiment:1', 'staging'],
  ['rollback', 'sentiment:prod'],
  ['remove', 'sentiment:1'],
  ['gc'],
]

async function assertReadsOnly({ store, scratch, ballast }: Place, why: RegExp, way: RegExp): Promise<void> {
  const succeed = async (...args: string[]): Promise<string> => {
    const ran = await ballast(...args)
    assert.equal(ran.code, 0, `ballast ${args.join(' ')}: ${ran.stdout}${ran.stderr}`)
    return ran.stdout
  }
  for (const args of READING) await succeed(...args, '--store', store)
  const target = join(scratch, 'mounted')
  await succeed('mount', 'sentiment:prod', target, '--store', store)
  await succeed('check', '--full', target, '--store', store)
  assert.deepEqual(await filesOf(target), await filesOf(join(store, '..', 'source-2')))
  const following = join(scratch, 'following')
  await succeed('mount', 'sentiment:prod', following, '--follow', '--once', '--store', store)
  const layout = join(scratch, 'layout')
  const embed = [
    'embed',
    'sentiment:2=/app/models',
    `oci:${layout}:base`,
    '-t',
    `oci:${layout}:out`,
    '--store',
    store,
  ]
  await succeed(...embed)
  // Nothing could be remembered; it is worked out again, and comes to the same.
  const [first, again] = [await succeed(...embed, '--json'), await succeed(...embed, '--json')]
  assert.equal(JSON.parse(first).digest, JSON.parse(again).digest)
  const writing = [...WRITING, ['add', 'sentiment', join(store, '..', 'source-3')]]
  for (const args of writing) {
    const ran = await ballast(...args, '--store', store)
    assert.equal(ran.code, 7, `ballast ${args.join(' ')}: ${ran.stdout}${ran.stderr}`)
    assert.match(ran.stderr, new RegExp(`^ballast: the store ${store} `))
    assert.match(ran.stderr, why)
    assert.match(ran.stderr, way)
  }
}

test('a store on a read-only file system is read, and not written', { skip: cannotMount() }, async (t) => {
  const fs = await temporaryTmpfs(t)
  const root = join(fs.path, 'scene')
  await makeScene(root)
  const scratch = await temporaryDirectory(t)
  await copyScene(join(root, 'layout'), join(scratch, 'layout'))
  await fs.remount('ro')
  const ballast = (...args: string[]): Promise<Ran> => run(args)
  await assertReadsOnly(
    { store: join(root, 'store'), scratch, ballast },
    /is on a read-only file system \(.*EROFS\)/,
    /make the file system writable; or name another store/,
  )
})

const USER: User = { uid: 61_234, gid: 61_234 }

/** A scene that belongs to root, and a user who may look. */
async function asStranger(t: TestContext): Promise<Place & { readonly root: string }> {
  const directory = await openDirectory(t)
  const root = join(directory, 'scene')
  await makeScene(root)
  const scratch = join(directory, 'scratch')
  await mkdir(scratch)
  await copyScene(join(root, 'layout'), join(scratch, 'layout'))
  await giveTo(USER, scratch)
  return { root, store: join(root, 'store'), scratch, ballast: (...args) => runAs(USER, args, scratch) }
}

test('a store that another user owns is read, and not written', { skip: cannotSwitchUsers() }, async (t) => {
  const place = await asStranger(t)
  // The other store is of this format.
  await asFormerStore(place.store)
  await assertReadsOnly(
    place,
    /cannot be written by this user \(.*EACCES\)/,
    /run the command as its owner \(uid 0\); or name another store/,
  )
})

test('where permission is missing, it is said for which path, and nothing is half-written', {
  skip: cannotSwitchUsers(),
}, async (t) => {
  const { root, store, scratch, ballast } = await asStranger(t)
  const refuses = async (path: string, ...args: string[]): Promise<void> => {
    const ran = await ballast(...args)
    assert.equal(ran.code, 7, `ballast ${args.join(' ')}: ${ran.stdout}${ran.stderr}`)
    assert.ok(ran.stderr.includes(path), `${path} is not named: ${ran.stderr}`)
    assert.match(ran.stderr, /EACCES/)
    assert.match(ran.stderr, /^ {2}\S/m)
  }
  const own = ['--store', join(scratch, 'store')]
  const unreadable = join(root, 'source-3', 'weights.bin')
  await chmod(unreadable, 0o600)
  await refuses(unreadable, 'add', 'sentiment', join(root, 'source-3'), ...own)
  await chmod(join(root, 'source-3'), 0o700)
  await refuses(join(root, 'source-3'), 'add', 'sentiment', join(root, 'source-3'), ...own)
  await refuses(root, 'mount', 'sentiment:prod', join(root, 'mounts', 'new'), '--store', store)
  await refuses(join(root, 'mounts', 'pinned'), 'unmount', join(root, 'mounts', 'pinned'), '--store', store)
  await refuses(
    join(root, 'mounts'),
    'mount',
    'sentiment:2',
    join(root, 'mounts', 'pinned'),
    '--replace',
    '--store',
    store,
  )
  await refuses(
    join(root, 'layout'),
    'embed',
    'sentiment:2',
    `oci:${root}/layout:base`,
    '-t',
    `oci:${root}/layout:out`,
    '--store',
    store,
  )
  await rm(join(scratch, 'store'), { recursive: true, force: true })
  const listed = JSON.parse((await run(['show', 'sentiment:2', '--json'], { store })).stdout) as {
    files: { path: string; digest: string }[]
  }
  const blob = join(store, 'blobs', 'sha256', (listed.files.at(-1)?.digest ?? '').replace('sha256:', ''))
  await chmod(blob, 0o400)
  await refuses(blob, 'mount', 'sentiment:2', join(scratch, 'unreadable'), '--store', store)
  await refuses(blob, 'verify', '--store', store)
  assert.equal((await ballast('check', join(root, 'mounts', 'pinned'), '--store', store)).code, 0)
  assert.equal((await run(['verify'], { store })).code, 0)
})
