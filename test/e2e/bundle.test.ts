import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { open, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openStore } from '../../src/store/index.ts'
import { ask, type RunOptions, run } from '../fixtures/command.ts'
import { missingParts } from '../fixtures/parts.ts'
import { addVersion, randomModel } from '../fixtures/store.ts'
import { temporaryDirectory } from '../fixtures/temporary.ts'

interface World {
  readonly here: RunOptions
  /** Where there is no network. */
  readonly there: RunOptions
  readonly directory: string
}

async function world(t: TestContext): Promise<World> {
  const directory = await temporaryDirectory(t)
  const env = { BALLAST_KEY_PASSWORD: 'secret' }
  const at = (name: string) => ({ store: join(directory, name), cwd: directory, env })
  const here = at('here')
  const store = await openStore(here.store)
  for (const number of [1, 2]) await addVersion(store, 'sentiment', randomModel(`sentiment ${number}`))
  await addVersion(store, 'team/topics:canary', randomModel('topics'))
  await ask(['tag', 'sentiment:1', 'prod'], here)
  return { here, there: at('there'), directory }
}

interface Shown {
  readonly digest: string
  readonly number: number
  readonly tags: readonly string[]
  readonly metrics: readonly unknown[]
}

test('a bundle carries versions of several models with numbers, tags, signatures and what is attached', async (t) => {
  const { here, there, directory } = await world(t)
  await ask(['generate-key-pair'], here)
  await ask(['sign', 'sentiment:prod', '--key', 'cosign.key'], here)
  await ask(['sign', 'sentiment:prod', '--key', 'cosign.key', '--format', 'legacy'], here)
  await writeFile(join(directory, 'metrics.json'), '{"accuracy": 0.93}')
  await ask(['attach', 'sentiment:prod', 'metrics.json'], here)
  await ask(['push', 'sentiment:prod', 'team/topics:canary', 'archive:bundle.tar'], here)
  assert.equal((await readdir(directory)).filter((name) => name.startsWith('.')).length, 0)
  const listed = await ask<readonly { ref: string }[]>(['list', 'archive:bundle.tar:sentiment'], there)
  assert.deepEqual(
    listed.map(({ ref }) => ref),
    ['archive:bundle.tar:sentiment:1'],
  )
  const { versions } = await ask<{ versions: readonly { ref: string; tag?: string }[] }>(
    ['pull', 'archive:bundle.tar'],
    there,
  )
  assert.deepEqual(
    versions.map(({ ref, tag }) => tag ?? ref),
    ['sentiment:1', 'sentiment:prod', 'team/topics:1', 'team/topics:canary'],
  )
  for (const ref of ['sentiment:prod', 'team/topics:canary']) {
    const [before, after] = [await ask<Shown>(['show', ref], here), await ask<Shown>(['show', ref], there)]
    assert.deepEqual(
      [after.digest, after.number, after.tags, after.metrics],
      [before.digest, before.number, before.tags, before.metrics],
    )
  }
  assert.equal((await run(['verify', 'sentiment:prod', '--key', 'cosign.pub'], there)).code, 0)
  assert.equal(
    (await run(['verify', 'archive:bundle.tar:sentiment:prod', '--key', 'cosign.pub'], there)).code,
    0,
  )
  assert.equal((await run(['verify'], there)).code, 0)
  await ask(['mount', 'archive:bundle.tar:sentiment:prod', './mounted'], {
    ...there,
    store: join(directory, 'third'),
  })
  assert.equal((await run(['check', './mounted'], there)).code, 0)
})

test('all of a store goes into one file and out of it, one version of it too, and a second time nothing moves', async (t) => {
  const { here, there } = await world(t)
  await ask(['push', '--all', 'archive:all.tar'], here)
  const one = await ask<{ ref: string; tag: string }>(
    ['pull', 'archive:all.tar:sentiment:prod', 'feelings'],
    there,
  )
  assert.deepEqual([one.ref, one.tag], ['feelings:1', 'feelings:prod'])
  await ask(['pull', 'archive:all.tar'], there)
  const again = await ask<{ versions: readonly { newBytes: number }[] }>(['pull', 'archive:all.tar'], there)
  assert.equal(
    again.versions.reduce((sum, { newBytes }) => sum + newBytes, 0),
    0,
  )
  const list = (options: RunOptions) =>
    ask<readonly { ref: string; tags: readonly string[]; digest: string }[]>(['list'], options)
  const told = async (options: RunOptions) =>
    (await list(options))
      .filter(({ ref }) => !ref.startsWith('feelings'))
      .map(({ ref, tags, digest }) => ({ ref, tags, digest }))
  assert.deepEqual(await told(there), await told(here))
})

test('a bundle that was changed on the way, and one that is not meant, is refused by name', async (t) => {
  const { here, there, directory } = await world(t)
  await ask(['push', 'sentiment:1', 'team/topics:1', 'archive:bundle.tar'], here)
  const several = await run(['pull', 'archive:bundle.tar', 'one-name'], there)
  assert.equal(several.code, 2)
  assert.match(several.stderr, /holds several models: sentiment, team\/topics/)
  assert.equal((await run(['pull', 'archive:bundle.tar:sentiment:7'], there)).code, 3)
  assert.equal((await run(['push', 'sentiment:1', 'team/topics:1', 'localhost:1/x'], here)).code, 2)
  assert.equal((await run(['push', 'archive:bundle.tar'], here)).code, 2)
  const file = await open(join(directory, 'bundle.tar'), 'r+')
  // In the middle of a file's content.
  await file.write(Buffer.from('!'), 0, 1, 10_000)
  await file.close()
  const spoilt = await run(['pull', 'archive:bundle.tar'], there)
  assert.equal(spoilt.code, 4)
  assert.deepEqual(await ask(['list'], there), [])
})

const noSkopeo = missingParts('skopeo')

test('skopeo reads a bundle as an OCI archive', { skip: noSkopeo }, async (t) => {
  const { here, directory } = await world(t)
  await ask(['push', 'sentiment:prod', 'archive:one.tar'], here)
  await ask(['push', 'sentiment:prod', 'team/topics:1', 'archive:two.tar'], here)
  for (const source of ['one.tar:prod', 'two.tar:sentiment:prod']) {
    const into = `oci:${join(directory, `of-${source.slice(0, 3)}`)}:prod`
    execFileSync('skopeo', ['copy', '--quiet', `oci-archive:${join(directory, source)}`, into])
    const shown = await ask<Shown>(['show', into], here)
    assert.equal(shown.digest, (await ask<Shown>(['show', 'sentiment:prod'], here)).digest)
  }
})
