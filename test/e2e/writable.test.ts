import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmod, lstat, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { openStore } from '../../src/store/index.ts'
import type { AddResult } from '../../src/workflows/add.ts'
import type { CaptureResult } from '../../src/workflows/capture.ts'
import type { MountResult } from '../../src/workflows/mount.ts'
import type { ShownVersion } from '../../src/workflows/show.ts'
import type { UnmountResult } from '../../src/workflows/unmount.ts'
import { ask, run } from '../fixtures/command.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

const execute = promisify(execFile)
const MODEL = { 'config.json': '{}', 'w/part-1.bin': 'one', 'w/part-2.bin': 'two' }

const isRoot = process.platform === 'linux' && process.geteuid?.() === 0
const skip = isRoot ? await overlayMissing() : 'only root on Linux may mount'

test('whatever root does in a writable mount, the store and other mounts are as they were', {
  skip,
}, async (t) => {
  const { store, target, directory } = await place(t)
  // Of hard links to the blobs: what reached the store would show here.
  const other = join(directory, 'other')
  await ask(['mount', 'm:1', other, '--link'], { store })
  const before = await blobsIn(store)
  await ask(['mount', 'm:1', target, '--rw'], { store })
  assert.equal(await readFile(join(target, 'w/part-1.bin'), 'utf8'), 'one')
  const script = [
    'find . -type f | while read f; do chmod 777 "$f"; echo more >> "$f"; done',
    'printf X | dd of=w/part-1.bin conv=notrunc 2>/dev/null',
    'find . -type f | while read f; do truncate -s 0 "$f"; touch -d 2001-01-01 "$f"; chown 1:1 "$f"; done',
    'ln w/part-2.bin hard; mv w/part-2.bin moved',
    'rm -rf ./* .ballast; echo new > new.bin; chmod 777 .',
  ]
  for (const line of script) await execute('sh', ['-ec', line], { cwd: target })
  assert.deepEqual(await readdir(target), ['new.bin'])
  assert.deepEqual(await blobsIn(store), before)
  await ask(['verify'], { store })
  await ask(['check', other, '--full'], { store })
  const captured = await ask<CaptureResult>(['capture', target, 'm', '--quiet-for', '0'], { store })
  assert.deepEqual([captured.ref, captured.files], ['m:2', 1])
  const { lineage } = await ask<ShownVersion>(['show', 'm:2'], { store })
  assert.deepEqual([lineage[0]?.parent?.number, lineage[0]?.changes?.removed], [1, 3])
})

test('what was written comes back with the next mount of the version, until it is given up', {
  skip,
}, async (t) => {
  const { store, target, directory } = await place(t)
  const mount = ['mount', 'm:1', target, '--rw']
  assert.equal((await ask<MountResult>(mount, { store })).how, 'delivered')
  assert.equal((await ask<MountResult>(mount, { store })).how, 'unchanged')
  await writeFile(join(target, 'w/part-1.bin'), 'changed')
  const { layer } = await ask<UnmountResult>(['unmount', target], { store })
  assert.equal(await readFile(join(layer ?? '', 'w/part-1.bin'), 'utf8'), 'changed')
  assert.deepEqual((await readdir(directory)).includes('scratch'), false)
  await writeFiles(join(directory, 'models'), { more: '' })
  await ask(['add', 'm', join(directory, 'models')], { store })
  const refused = await run(['mount', 'm:2', target, '--rw'], { store })
  assert.equal(refused.code, 5)
  assert.match(refused.stderr, /keeps what was written over m:1/)
  await ask(mount, { store })
  assert.equal(await readFile(join(target, 'w/part-1.bin'), 'utf8'), 'changed')
  assert.match((await run(['mount', 'm:2', target, '--rw'], { store })).stderr, /is a writable mount of m:1/)
  await ask(['unmount', target, '--discard'], { store })
  assert.deepEqual(
    (await readdir(directory)).filter((name) => name.includes('scratch')),
    [],
  )
  await ask(['mount', 'm:2', target, '--rw'], { store })
  assert.equal(await readFile(join(target, 'w/part-1.bin'), 'utf8'), 'one')
  const nothing = await ask<UnmountResult>(['unmount', target], { store })
  assert.equal(nothing.layer, undefined)
})

test('a mount that was killed on the way is made anew', { skip }, async (t) => {
  const { store, target, directory } = await place(t)
  await ask(['mount', 'm:1', target, '--rw'], { store })
  await writeFile(join(target, 'new'), 'kept')
  // As after a reboot: the kernel knows nothing of it any more.
  await execute('umount', ['-l', target])
  assert.deepEqual(await readdir(target), [])
  await ask(['mount', 'm:1', target, '--rw'], { store })
  assert.equal(await readFile(join(target, 'new'), 'utf8'), 'kept')
  assert.equal((await readdir(directory)).filter((name) => name.includes('-new-')).length, 0)
})

test('where it cannot be it is refused, with the reason, and nothing is left', async (t) => {
  const { store, target, directory } = await place(t)
  if (isRoot) {
    await chmod(directory, 0o777)
    const other = await run(['mount', 'm:1', target, '--rw'], { store, uid: 65534 })
    assert.equal(other.code, 4, other.stderr)
    assert.match(other.stderr, /this user is not root/)
  }
  for (const [args, message] of [
    [['--follow'], /--rw goes with no other option/],
    [['--link'], /--rw goes with no other option/],
  ] as const) {
    const ran = await run(['mount', 'm', target, '--rw', ...args], { store })
    assert.equal(ran.code, 2)
    assert.match(ran.stderr, message)
  }
  assert.equal((await run(['mount', 'm', 'volume:x', '--rw'], { store })).code, 2)
  assert.match((await run(['unmount', target, '--discard'], { store })).stderr, /is no writable mount/)
  assert.deepEqual(
    (await readdir(directory)).filter((name) => name.includes('scratch')),
    [],
  )
  if (skip !== false) return
  await mkdir(target)
  await writeFile(join(target, 'mine'), '')
  const occupied = await run(['mount', 'm', target, '--rw'], { store })
  assert.equal(occupied.code, 5)
  assert.match(occupied.stderr, /holds files that Ballast did not put there/)
})

interface Place {
  readonly store: string
  readonly directory: string
  readonly target: string
}

async function place(t: TestContext): Promise<Place> {
  let target = ''
  // Registered first, so that nothing is mounted when the directory is removed.
  t.after(() => execute('umount', ['-l', target]).catch(() => undefined))
  const directory = await temporaryDirectory(t)
  target = join(directory, 'scratch')
  await writeFiles(join(directory, 'models'), MODEL)
  const store = join(directory, 'store')
  await ask<AddResult>(['add', 'm', join(directory, 'models')], { store })
  return { store, directory, target }
}

/** Everything of the blobs that a write could change. */
async function blobsIn(root: string): Promise<readonly unknown[]> {
  const store = await openStore(root)
  const blobs = [...(await store.blobs.list())].sort((a, b) => a.digest.localeCompare(b.digest))
  return Promise.all(
    blobs.map(async ({ digest }) => {
      const path = store.blobs.path(digest)
      const { mode, uid, gid, size, mtimeMs, ino } = await lstat(path)
      return { digest, mode, uid, gid, size, mtimeMs, ino, text: await readFile(path, 'utf8') }
    }),
  )
}

/** In a container the kernel or its file system may refuse overlays also to root. */
async function overlayMissing(): Promise<string | false> {
  const script =
    'd=$(mktemp -d) && cd $d && mkdir l u w m && mount -t overlay -o lowerdir=l,upperdir=u,workdir=w x m && umount m; r=$?; rm -rf $d; exit $r'
  try {
    await execute('sh', ['-c', script])
    return false
  } catch (error) {
    if (process.env.BALLAST_REQUIRE_PARTS) throw error
    return 'the kernel mounts no overlay here'
  }
}
