import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { digestOf } from '../../src/core/index.ts'
import { createStoreStorage, openRepository, startRegistry } from '../../src/registry/index.ts'
import { openStore } from '../../src/store/index.ts'
import { ask, run as ballast } from '../fixtures/command.ts'
import { assertFails } from '../fixtures/failing.ts'
import { writeImageLayout } from '../fixtures/image-layout.ts'
import { missingParts } from '../fixtures/parts.ts'
import { createRandom } from '../fixtures/random.ts'
import { flipBit } from '../fixtures/store.ts'
import { blobOf, filesOf, neededBlobs, storedBlobs } from '../fixtures/store-facts.ts'
import { pathsIn, temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

const run = promisify(execFile)

interface Added {
  readonly ref: string
  readonly digest: string
  readonly files: number
  readonly bytes: number
  readonly newBytes: number
  readonly isNew: boolean
}

interface Layer {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly annotations: Readonly<Record<string, string>>
}

interface World {
  readonly directory: string
  readonly model: string
  readonly store: string
  readonly options: { readonly store: string; readonly cwd: string }
  readonly add: (name?: string) => Promise<Added>
}

/** 2,001 small files in directories, and a large one: one more than are a blob each. */
async function createWorld(t: TestContext): Promise<World> {
  const directory = await temporaryDirectory(t)
  const model = join(directory, 'model')
  const small = Array.from({ length: 2001 }, (_, at) => [
    `part-${at % 7}/${at}.txt`,
    `${at}\n`.repeat(at % 50),
  ])
  const weights = createRandom('many').bytes(2 * 1024 * 1024)
  await writeFiles(model, { ...Object.fromEntries(small), 'weights.bin': weights })
  const store = join(directory, 'store')
  const options = { store, cwd: directory }
  return {
    directory,
    model,
    store,
    options,
    add: (name = 'many') => ask<Added>(['add', name, './model'], options),
  }
}

test('many small files are one version, the same in every store, and every verb takes it for one', async (t) => {
  const { directory, model, store, options, add } = await createWorld(t)
  const wanted = await filesOf(model)
  const first = await add()
  assert.deepEqual([first.ref, first.files, first.isNew], ['many:1', 2002, true])
  const again = await add()
  assert.deepEqual([again.digest, again.isNew, again.newBytes], [first.digest, false, 0])
  await cp(model, join(directory, 'elsewhere/other-name'), { recursive: true })
  const other = { store: join(directory, 'other-store'), cwd: directory }
  assert.equal((await ask<Added>(['add', 'team/x', './elsewhere/other-name'], other)).digest, first.digest)

  // A manifest of two layers, which other tools read from the store's own directory.
  const [raw, pack, ...more] = await layersOf(store, first.digest)
  assert.deepEqual(
    [raw?.annotations['org.cncf.model.filepath'], pack?.annotations['org.cncf.model.filepath'], more],
    ['weights.bin', 'packed-1.tar', []],
  )
  const { stdout } = await run('tar', ['-tf', blobOf(store, pack?.digest ?? '')])
  assert.equal(stdout.trimEnd().split('\n').length, 2001)

  const shown = await ask<{ files: { path: string; digest: string; size: number }[]; bytes: number }>(
    ['show', 'many'],
    options,
  )
  assert.deepEqual(Object.fromEntries(shown.files.map((file) => [file.path, file.digest.slice(7)])), wanted)
  assert.equal(shown.bytes, first.bytes)
  const [listed] = await ask<{ files: number; bytes: number }[]>(['list'], options)
  assert.deepEqual([listed?.files, listed?.bytes], [2002, first.bytes])

  await ask(['mount', 'many:1', './pinned'], options)
  await ask(['mount', 'many', './live', '--follow', '--once'], options)
  assert.deepEqual(await filesOf(join(directory, 'pinned')), wanted)
  assert.deepEqual(await filesOf(join(directory, 'live/many/.')), wanted)
  const checked = await ballast(['check', '--full', './pinned', './live', 'many'], options)
  assert.equal(checked.code, 0, checked.stdout)
  await ask(['verify'], options)

  await writeFile(join(model, 'part-3/3.txt'), 'changed')
  await rm(join(model, 'part-5/5.txt'))
  await writeFile(join(model, 'part-4/new.txt'), 'new')
  const second = await add()
  assert.equal(second.ref, 'many:2')
  const [, changedPack] = await layersOf(store, second.digest)
  assert.equal(second.newBytes, changedPack?.size, 'the pack is new, the large file is not')
  const diff = await ask<{ changes: { path: string; change: string }[]; same: number }>(
    ['diff', 'many:1', 'many:2'],
    options,
  )
  assert.deepEqual(diff.changes.map(({ path, change }) => [path, change]).sort(), [
    ['part-3/3.txt', 'changed'],
    ['part-4/new.txt', 'added'],
    ['part-5/5.txt', 'removed'],
  ])
  assert.equal(diff.same, 2000)
  await ask(['mount', 'many', './live', '--follow', '--once'], options)
  assert.deepEqual(await filesOf(join(directory, 'live/many/.')), await filesOf(model))
  await ask(['rollback', './live'], options)
  assert.deepEqual(await filesOf(join(directory, 'live/many/.')), wanted)

  // A mounted tree is checked without its store, packed files included.
  await rm(store, { recursive: true })
  await writeFile(join(directory, 'pinned/part-3/3.txt'), 'CHANGED')
  const broken = await ballast(['check', './pinned'], options)
  assert.notEqual(broken.code, 0)
  assert.match(broken.stdout + broken.stderr, /part-3\/3\.txt/)
  assert.equal((await ballast(['check', '--full', './live'], options)).code, 0)
  await rm(join(directory, 'pinned/.ballast/packed.json'))
  const incomplete = await ballast(['check', './pinned'], options)
  assert.equal(incomplete.code, 4)
  assert.match(incomplete.stdout, /its own files are incomplete/)
})

test('what was packed stays while a version needs it, goes with the last one, and comes back when it is damaged', async (t) => {
  const { model, store, options, add } = await createWorld(t)
  const first = await add()
  const [, pack] = await layersOf(store, first.digest)
  const path = blobOf(store, pack?.digest ?? '')
  await flipBit(path)
  const mend = `ballast add many ${model}`
  const verified = await ballast(['verify', '--json'], options)
  assert.equal(verified.code, 4)
  const { problems } = JSON.parse(verified.stdout) as {
    problems: { kind: string; digest: string; neededBy: string[]; mend: string }[]
  }
  assert.deepEqual(
    problems.map(({ kind, digest, neededBy }) => [kind, digest, neededBy]),
    [['damaged', pack?.digest, ['many:1 packed-1.tar']]],
  )
  assert.ok(problems[0]?.mend.includes(mend), problems[0]?.mend)
  const checked = await ballast(['check', 'many'], options)
  assert.equal(checked.code, 4)
  assert.match(checked.stdout + checked.stderr, /part-0\/0\.txt and 2,000 more: damaged/)
  assert.ok((checked.stdout + checked.stderr).includes(mend))
  await assertFails(
    ['mount', 'many', './target'],
    { code: 4, names: ['many', pack?.digest ?? ''], next: mend },
    options,
  )
  assert.deepEqual(await readdir(options.cwd).then((names) => names.sort()), ['model', 'store'])
  assert.equal((await add()).newBytes, pack?.size)
  await ask(['mount', 'many', './target'], options)
  assert.equal((await ballast(['check', '--full', 'many', './target'], options)).code, 0)

  await writeFile(join(model, 'weights.bin'), createRandom('other').bytes(2 * 1024 * 1024))
  const second = await add()
  assert.equal((await layersOf(store, second.digest))[1]?.digest, pack?.digest)
  await ask(['remove', 'many:1'], options)
  await ask(['gc'], options)
  assert.ok((await stat(path)).isFile(), 'the second version has it too')
  assert.deepEqual([...(await storedBlobs(store))].sort(), [...(await neededBlobs(store))].sort())
  assert.equal((await ballast(['check', '--full', 'many'], options)).code, 0)
  await ask(['remove', 'many', '--all'], options)
  await ask(['gc'], options)
  assert.equal((await storedBlobs(store)).size, 0)
  assert.deepEqual(await pathsIn(join(store, 'ballast/cache/packs')), [])
})

test('embedded, the files lie in few layers, and umoci unpacks them as they were', {
  skip: missingParts('umoci', 'skopeo'),
}, async (t) => {
  const { directory, model, options, add } = await createWorld(t)
  const layout = join(directory, 'layout')
  await writeImageLayout(layout, {
    tag: 'base',
    layers: [[{ path: 'app/' }, { path: 'app/main.py', text: 'pass\n' }]],
  })
  const embedded = async (tag: string): Promise<readonly string[]> => {
    await add()
    const base = `oci:${layout}:base`
    await ask(['embed', 'many=/app/models', base, '-t', `oci:${layout}:${tag}`], options)
    const bundle = join(directory, tag)
    const rootless = process.getuid?.() === 0 ? [] : ['--rootless']
    await run('umoci', ['unpack', ...rootless, '--image', `${layout}:${tag}`, bundle])
    assert.deepEqual(await filesOf(join(bundle, 'rootfs/models/many')), await filesOf(model))
    assert.equal(await readFile(join(bundle, 'rootfs/app/models/part-0/7.txt'), 'utf8'), '7\n'.repeat(7))
    const { stdout } = await run('skopeo', ['inspect', '--raw', `oci:${layout}:${tag}`])
    return (JSON.parse(stdout) as { layers: Layer[] }).layers.map(({ digest }) => digest)
  }
  const before = await embedded('v1')
  assert.equal(before.length, 3, 'the base, all files of less than 64 MiB, the placement')
  await writeFile(join(model, 'part-0/0.txt'), 'changed')
  const after = await embedded('v2')
  assert.deepEqual(
    after.map((digest, at) => digest === before[at]),
    [true, false, false],
  )
})

test('a version with packs goes through the embedded registry into another store, by our client and by skopeo', {
  skip: missingParts('skopeo'),
}, async (t) => {
  const { directory, model, store, options, add } = await createWorld(t)
  const { digest } = await add()
  const from = await serve(t, store)
  const pack = (await layersOf(store, digest))[1]?.digest ?? ''

  const pushed = join(directory, 'pushed')
  const to = await serve(t, pushed)
  const source = openRepository({ host: from, name: 'many' })
  const target = openRepository({ host: to, name: 'team/copy' })
  const manifest = await source.getManifest('1')
  assert.ok(manifest)
  const { config, layers } = JSON.parse(Buffer.from(manifest.bytes).toString()) as {
    config: Layer
    layers: Layer[]
  }
  // Refused until all of it is there.
  await assert.rejects(target.putManifest(manifest, 'prod'))
  for (const { digest, size } of [config, ...layers]) {
    const blob = { digest: digest as typeof manifest.digest, size }
    await target.putBlob(blob, { size, open: (range) => source.openBlob(blob).open(range) })
  }
  await target.putManifest(manifest, 'prod')

  const copied = join(directory, 'copied')
  const third = await serve(t, copied)
  const copy = ['copy', '-q', '--preserve-digests', '--src-tls-verify=false', '--dest-tls-verify=false']
  await run('skopeo', [...copy, `docker://${from}/many:latest`, `docker://${third}/team/copy:prod`])

  for (const there of [pushed, copied]) {
    const shown = await ask<{ digest: string; files: unknown[] }>(['show', 'team/copy:prod'], {
      store: there,
    })
    assert.deepEqual([shown.digest, shown.files.length], [digest, 2002])
    assert.deepEqual(await readdir(join(there, 'ballast/cache/packs')), [pack.replace('sha256:', '')])
    const mounted = `${there}-mounted`
    await ask(['mount', 'team/copy:prod', mounted], { store: there })
    assert.deepEqual(await filesOf(mounted), await filesOf(model))
    assert.equal((await ballast(['check', '--full', mounted, 'team/copy:prod'], { store: there })).code, 0)
    assert.deepEqual([...(await storedBlobs(there))].sort(), [...(await neededBlobs(there))].sort())
  }
  // The store itself is an image layout, from which skopeo copies.
  await run('skopeo', [
    'copy',
    '-q',
    '--preserve-digests',
    `oci:${store}:many:latest`,
    `oci:${directory}/out:x`,
  ])
  assert.equal(digestOf(await readFile(blobOf(join(directory, 'out'), digest))), digest)
  assert.equal(
    (await stat(blobOf(join(directory, 'out'), pack))).size,
    (await stat(blobOf(store, pack))).size,
  )
  assert.equal((await ballast(['verify'], options)).code, 0)
})

test('of 20,000 tiny files, a changed one moves only the pack that holds it', async (t) => {
  const directory = await temporaryDirectory(t)
  const model = join(directory, 'model')
  for (let at = 0; at < 100; at++) mkdirSync(join(model, `${at}`), { recursive: true })
  for (let at = 0; at < 20_000; at++) writeFileSync(join(model, `${at % 100}/${at}`), `${at}`)
  const options = { store: join(directory, 'store'), cwd: directory }
  const first = await ask<Added>(['add', 'tiny', './model'], options)
  const before = await layersOf(options.store, first.digest)
  assert.deepEqual(
    before.map(({ annotations }) => annotations['org.opencontainers.image.title']),
    ['packed-1.tar', 'packed-2.tar'],
  )
  assert.equal(first.newBytes, (before[0]?.size ?? 0) + (before[1]?.size ?? 0))
  await writeFile(join(model, '99/99'), 'other')
  const second = await ask<Added>(['add', 'tiny', './model'], options)
  const after = await layersOf(options.store, second.digest)
  assert.deepEqual(
    after.map(({ digest }, at) => digest === before[at]?.digest),
    [true, false],
  )
  assert.equal(second.newBytes, after[1]?.size)
  const diff = await ask<{ changes: unknown[]; same: number }>(['diff', 'tiny:1', 'tiny:2'], options)
  assert.deepEqual([diff.changes.length, diff.same], [1, 19_999])
  assert.equal((await ballast(['check', '--full', 'tiny:1', 'tiny:2'], options)).code, 0)
})

async function layersOf(store: string, digest: string): Promise<readonly Layer[]> {
  return (JSON.parse(await readFile(blobOf(store, digest), 'utf8')) as { layers: Layer[] }).layers
}

async function serve(t: TestContext, directory: string): Promise<string> {
  const registry = await startRegistry({ storage: createStoreStorage(await openStore(directory)) })
  t.after(registry.close)
  return new URL(registry.url).host
}
