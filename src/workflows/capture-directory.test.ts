import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { appendFile, readdir, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { temporaryStore } from '../../test/fixtures/store.ts'
import { type Contents, temporaryDirectory, writeFiles } from '../../test/fixtures/temporary.ts'
import { type CallOptions, isBallastError } from '../core/index.ts'
import { parseName } from '../model/index.ts'
import { pathFilter } from '../sources/index.ts'
import { openStore, type Store } from '../store/index.ts'
import { add } from './add.ts'
import { type CapturedDirectory, captureDirectory, type DirectoryCapture } from './capture-directory.ts'
import { readLineages } from './lineage.ts'
import { mount, mountFollowing } from './mount.ts'
import { remove } from './remove.ts'
import { show } from './show.ts'

test('the second time only what has changed is read, and stored', async (t) => {
  const { store, directory, capture } = await place(t, { 'a.bin': 'aaaa', 'b.bin': 'bbbb', 'c.bin': 'cccc' })
  const first = await capture()
  assert.deepEqual(first.read, ['a.bin', 'b.bin', 'c.bin'])
  await writeFile(join(directory, 'b.bin'), 'changed')
  await utimes(join(directory, 'b.bin'), 1e9, 1e9 + 1)
  await rename(join(directory, 'c.bin'), join(directory, 'd.bin'))
  // Another process, with what it finds in the store.
  const second = await capture({}, await openStore(store.root))
  assert.deepEqual(second.read, ['b.bin', 'd.bin'])
  assert.deepEqual([second.newBytes, second.files], [7, 3])
})

test('a blob that is gone from the store is read again, whatever is known of the file', async (t) => {
  const { store, capture } = await place(t, { 'a.bin': 'aaaa' })
  const { digest } = await capture()
  const [file] = (await store.readVersion(digest)).files
  assert.ok(file)
  await store.blobs.remove(file.digest)
  assert.deepEqual((await capture()).read, ['a.bin'])
})

test('what is written to while it is captured becomes no version', async (t) => {
  const { store, directory, capture } = await place(t, { 'a.bin': 'aaaa', 'b.bin': 'bbbb' })
  const onProgress: CallOptions['onProgress'] = (event) => {
    if (event.kind === 'done') void appendFile(join(directory, 'a.bin'), '!')
  }
  const captured = capture({ waitMs: 0 }, store, { onProgress })
  await assert.rejects(captured, (error) => isBallastError(error, 'REFUSED') && error.retryable)
  assert.deepEqual(await store.records.listVersions(parseName('m')), [])
  assert.equal((await capture()).isNew, true)
})

test('a file that a job is writing is waited for', { skip: process.platform !== 'linux' }, async (t) => {
  const { directory, capture } = await place(t, { 'a.bin': '' })
  const script = 'exec 3>>a.bin; for i in 1 2 3 4 5 6 7 8; do echo part >&3; sleep 0.2; done'
  const job = spawn('sh', ['-c', script], { cwd: directory })
  t.after(() => job.kill())
  await sleep(300)
  assert.equal((await capture()).bytes, 8 * 'part\n'.length)
})

test('patterns say which files become the version', async (t) => {
  const { capture } = await place(t, { 'a.bin': 'a', 'logs/run.log': 'b', 'optimizer.pt': 'c' })
  const filter = pathFilter({ exclude: ['logs/', 'optimizer.pt'] })
  assert.equal((await capture({ filter })).files, 1)
})

test('of checkpoints the newest whole one becomes the version, and it is said which', async (t) => {
  const { store, directory, capture } = await place(t, { 'checkpoint-1/w': '1', 'checkpoint-1/DONE': '' })
  await writeFiles(directory, { 'checkpoint-2/w': '2', 'checkpoint-2/DONE': '', 'checkpoint-3/w': 'torn' })
  const captured = await capture({ marker: 'checkpoint-*/DONE' })
  assert.deepEqual([captured.checkpoint, captured.files], ['checkpoint-2', 2])
  const { lineage, from } = await show(store, 'm')
  assert.deepEqual(lineage[0]?.checkpoint, 'checkpoint-2')
  assert.equal(from, join(directory, 'checkpoint-2'))
  await rm(join(directory, 'checkpoint-2/DONE'))
  assert.equal((await capture({ marker: 'checkpoint-*/DONE' })).checkpoint, 'checkpoint-1')
})

for (const [how, deliver] of Object.entries({ pinned: mount, following: mountFollowing })) {
  test(`what was mounted there is the parent: ${how}`, async (t) => {
    const { store, directory, capture } = await place(t, { 'a.bin': 'a', 'b.bin': 'b' })
    await add(store, { name: 'base', sources: [directory] })
    const target = join(directory, '../target')
    await deliver(store, { ref: 'base', target })
    const written = how === 'pinned' ? target : join(target, 'base')
    await writeFile(join(written, 'c.bin'), 'c')
    await rm(join(written, 'a.bin'))
    const { digest } = await capture({ directory: target, called: target })
    const [lineage, ...others] = await (await readLineages(store, parseName('m')))(digest)
    assert.deepEqual(others, [])
    assert.deepEqual([lineage?.parent?.model, lineage?.parent?.number, lineage?.from], ['base', 1, target])
    assert.deepEqual(lineage?.changes, {
      added: 1,
      removed: 1,
      changed: 0,
      same: 1,
      files: [
        { path: 'a.bin', change: 'removed' },
        { path: 'c.bin', change: 'added' },
      ],
    })
  })
}

test('lineage is no part of the identity, is told once, and goes with its version', async (t) => {
  const { store, directory, capture } = await place(t, { 'a.bin': 'a' })
  const added = await add(store, { name: 'other', sources: [directory] })
  const captured = await capture()
  assert.equal(captured.digest, added.digest)
  await capture()
  assert.equal((await show(store, 'm')).lineage.length, 1)
  assert.deepEqual((await show(store, 'other')).lineage, [])
  assert.deepEqual((await store.verify()).problems, [])
  await store.gc()
  assert.equal((await show(store, 'm')).lineage.length, 1)
  for (const ref of ['m:1', 'other:1']) await remove(store, ref)
  await store.gc()
  assert.deepEqual(await store.listReferrers(parseName('m')), [])
})

type Read = CapturedDirectory & { readonly read: readonly string[] }

interface Place {
  readonly store: Store
  readonly directory: string
  readonly capture: (
    request?: Partial<DirectoryCapture>,
    store?: Store,
    options?: CallOptions,
  ) => Promise<Read>
}

/** A directory whose files have not been written to for long, and what reads it. */
async function place(t: TestContext, contents: Contents): Promise<Place> {
  const store = await temporaryStore(t)
  const directory = await writeFiles(join(await temporaryDirectory(t), 'run'), contents)
  for (const path of Object.keys(contents)) await utimes(join(directory, path), 1e9, 1e9)
  return {
    store,
    directory,
    async capture(request = {}, into = store, options = {}) {
      const read: string[] = []
      const onProgress: CallOptions['onProgress'] = (event) => {
        if (event.kind === 'start' && event.step === 'add') read.push(event.item)
        options.onProgress?.(event)
      }
      const captured = await captureDirectory(
        into,
        { name: 'm', directory, called: directory, quietMs: 400, ...request },
        { ...options, onProgress },
      )
      return { ...captured, read: read.sort() }
    },
  }
}

test('a directory that is not there is not found', async (t) => {
  const { directory, capture } = await place(t, {})
  await assert.rejects(capture({ directory: join(directory, 'absent') }), { code: 'NOT_FOUND' })
  assert.deepEqual(await readdir(directory), [])
})
