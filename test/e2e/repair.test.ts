import assert from 'node:assert/strict'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openStore, type Store } from '../../src/store/index.ts'
import { ask, run } from '../fixtures/command.ts'
import { fileOf, flipBit } from '../fixtures/store.ts'
import { pathsIn, temporaryDirectory } from '../fixtures/temporary.ts'
import { startRegistry } from '../race/images.ts'

interface Repaired {
  readonly mended: readonly { readonly digest: string; readonly kind: string; readonly from: string }[]
  readonly problems: readonly {
    readonly digest: string
    readonly tried: readonly { readonly from: string; readonly why: string }[]
  }[]
}

interface World {
  readonly source: string
  readonly store: Store
  readonly options: { readonly store: string; readonly cwd: string }
}

async function world(t: TestContext): Promise<World> {
  const directory = await temporaryDirectory(t)
  const source = join(directory, 'source')
  await mkdir(source)
  await writeFile(join(source, 'weights.bin'), 'w'.repeat(5000))
  await writeFile(join(source, 'config.json'), '{"layers": 2}')
  const options = { store: join(directory, 'store'), cwd: directory }
  await ask(['add', 'sentiment', source], options)
  return { source, options, store: await openStore(options.store) }
}

async function versionIn(store: Store) {
  const [numbered] = await store.records.listVersions((await store.records.listNames())[0] ?? assert.fail())
  return store.readVersion(numbered?.digest ?? assert.fail())
}

test('what is damaged or missing is had again from where it was pushed, the manifest too', async (t) => {
  const { source, store, options } = await world(t)
  const registry = await startRegistry(join(await temporaryDirectory(t), 'registry'))
  t.after(registry.running.kill)
  const remote = `${new URL(registry.url).host}/team/sentiment`
  await ask(['push', 'sentiment', remote], options)
  await rm(source, { recursive: true })
  const version = await versionIn(store)
  const weights = fileOf(version, 'weights.bin')
  const config = fileOf(version, 'config.json')
  await flipBit(store.blobs.path(weights.digest))
  await rm(store.blobs.path(config.digest))
  await flipBit(store.blobs.path(version.digest))
  const before = (await pathsIn(join(store.root, 'ballast/repositories'))).toSorted()
  const { mended, problems } = await ask<Repaired>(['verify', '--repair'], options)
  assert.deepEqual(problems, [])
  assert.deepEqual(
    new Map(mended.map(({ digest, kind, from }) => [digest, [kind, from]])),
    new Map([
      [version.digest as string, ['damaged', remote]],
      [config.digest, ['missing', remote]],
      [weights.digest, ['damaged', remote]],
    ]),
  )
  assert.deepEqual((await pathsIn(join(store.root, 'ballast/repositories'))).toSorted(), before)
  assert.equal((await run(['verify'], options)).code, 0)
  assert.equal((await run(['check', '--full', 'sentiment'], options)).code, 0)
})

test('what is still where it was added from is taken from there, but not other bytes', async (t) => {
  const { source, store, options } = await world(t)
  const version = await versionIn(store)
  for (const { digest } of version.files) await rm(store.blobs.path(digest))
  await writeFile(join(source, 'config.json'), '{"layers": 3}')
  const ran = await run(['verify', '--repair', '--json'], options)
  assert.equal(ran.code, 4)
  const { mended, problems } = JSON.parse(ran.stdout) as Repaired
  assert.deepEqual(
    mended.map(({ digest }) => digest),
    [fileOf(version, 'weights.bin').digest],
  )
  assert.deepEqual(
    problems.map(({ digest }) => digest),
    [fileOf(version, 'config.json').digest],
  )
  assert.deepEqual(
    problems[0]?.tried.map(({ from }) => from),
    [source],
  )
  await writeFile(join(options.cwd, 'config.json'), '{"layers": 2}')
  const named = await ask<Repaired>(['verify', '--repair', '--from', options.cwd], options)
  assert.deepEqual([named.mended.length, named.problems.length], [1, 0])
})

test('a remote that cannot be reached, or has not got it, is told by name', async (t) => {
  const { source, store, options } = await world(t)
  await rm(source, { recursive: true })
  await rm(store.blobs.path(fileOf(await versionIn(store), 'config.json').digest))
  await ask(['push', 'sentiment', 'oci:./carry:1'], options).catch(() => undefined)
  const ran = await run(['verify', '--repair', '--from', '127.0.0.1:1/sentiment'], options)
  assert.equal(ran.code, 4)
  assert.match(ran.stdout, /0 mended, 1 problem left/)
  assert.match(ran.stdout, /not from 127\.0\.0\.1:1\/sentiment: /)
  assert.match(ran.stdout, /ballast add sentiment/)
  for (const wrong of [
    ['verify', '--from', 'x'],
    ['verify', 'sentiment', '--repair'],
  ]) {
    assert.equal((await run(wrong, options)).code, 2)
  }
  assert.equal((await run(['verify', '--repair', '--from', 'oci:./nowhere'], options)).code, 3)
})
