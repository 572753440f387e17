import assert from 'node:assert/strict'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openStore, type Store } from '../../src/store/index.ts'
import { ask, run, start } from '../fixtures/command.ts'
import { addVersion } from '../fixtures/store.ts'
import { temporaryDirectory } from '../fixtures/temporary.ts'
import { eventually } from '../fixtures/wait.ts'
import { startRegistry, writeBase } from '../race/images.ts'

interface World {
  readonly directory: string
  readonly store: Store
  readonly options: { readonly store: string; readonly cwd: string }
}

/** `sentiment` has so many versions. */
async function world(t: TestContext, versions: number): Promise<World> {
  const directory = await temporaryDirectory(t)
  const options = { store: join(directory, 'store'), cwd: directory }
  const store = await openStore(options.store)
  for (let number = 1; number <= versions; number++) {
    await addVersion(store, 'sentiment', { 'model.bin': `version ${number}`.repeat(100) })
  }
  return { directory, store, options }
}

interface Collected {
  readonly retention: {
    readonly removed: readonly { readonly number: number }[]
    readonly kept: readonly {
      readonly number: number
      readonly because: readonly { readonly kind: string; readonly by: string }[]
    }[]
  }
}

const numbersOf = (versions: readonly { readonly number: number }[]): readonly number[] =>
  versions.map(({ number }) => number)

test('gc by policy keeps what targets and images have, and lets go of it with them', async (t) => {
  const { directory, options } = await world(t, 6)
  const [pinned, following, layout] = ['pinned', 'following', 'layout'].map((name) =>
    join(directory, name),
  ) as [string, string, string]
  await ask(['mount', 'sentiment:1', pinned], options)
  await ask(['tag', 'sentiment:2', 'prod'], options)
  await ask(['mount', 'sentiment:prod', following, '--follow', '--once'], options)
  await ask(['tag', 'sentiment:3', 'prod'], options)
  await writeBase(layout)
  await ask(['embed', 'sentiment:4', `oci:${layout}:base`, '-t', `oci:${layout}:out`], options)
  const shown = await ask<{ usedBy: readonly { kind: string; place: string; host: string; is: string }[] }>(
    ['show', 'sentiment:1'],
    options,
  )
  assert.deepEqual(
    shown.usedBy.map(({ kind, place, host, is }) => ({ kind, place, host, is })),
    [{ kind: 'target', place: pinned, host: hostname(), is: 'there' }],
  )
  const listed = await ask<readonly { usedBy: object }[]>(['list', 'sentiment'], options)
  assert.deepEqual(
    listed.map(({ usedBy }) => usedBy),
    [{ target: 1 }, { target: 1 }, {}, { image: 1 }, {}, {}],
  )
  const policy = ['gc', '--keep-last', '1']
  const dry = await ask<Collected>([...policy, '--dry-run'], options)
  // An image elsewhere has a copy of its own.
  assert.deepEqual(numbersOf(dry.retention.removed), [4, 5])
  const told = new Map(
    dry.retention.kept.map(({ number, because }) => [number, because.map(({ kind }) => kind)]),
  )
  assert.deepEqual(told.get(1), ['target'])
  assert.deepEqual(told.get(2), ['rollback', 'target'])
  assert.deepEqual(told.get(3), ['tag'])
  const done = await ask<Collected>(policy, options)
  assert.deepEqual(done.retention, dry.retention)
  assert.equal((await run(['check', '--full', pinned], options)).code, 0)

  await rm(pinned, { recursive: true })
  await ask(['tag', 'sentiment:6', 'prod'], options)
  await ask(['mount', 'sentiment:prod', following, '--follow', '--once'], options)
  const after = await ask<Collected>(policy, options)
  assert.deepEqual(numbersOf(after.retention.removed), [1])
  assert.deepEqual(
    after.retention.kept.map(({ number, because }) => [number, because.map(({ kind }) => kind)]),
    // To which the directory would be rolled back, and the tag.
    [
      [2, ['rollback']],
      [3, ['rollback']],
      [6, ['newest', 'tag', 'tag', 'target']],
    ],
  )
  assert.equal((await run(['rollback', following], options)).code, 0)
  assert.equal((await run(['verify'], options)).code, 0)
})

test('an image that was pushed to the store keeps its version', async (t) => {
  const { directory, options } = await world(t, 3)
  const layout = join(directory, 'layout')
  await writeBase(layout)
  const { url, running } = await startRegistry(options.store)
  t.after(running.kill)
  await ask(['embed', 'sentiment:1', `oci:${layout}:base`, '-t', `${new URL(url).host}/app:v1`], options)
  running.kill()
  await running.ended
  const { retention } = await ask<Collected>(['gc', '--keep-last', '1'], options)
  assert.deepEqual(numbersOf(retention.removed), [2])
  assert.deepEqual(retention.kept[0]?.because, [{ kind: 'image', by: 'app:v1' }])
})

test('a plugin that does not run keeps the versions of its volumes', async (t) => {
  const { store, options } = await world(t, 4)
  const plugin = join(store.root, 'ballast/plugins/ballast')
  const { digest } = await ask<{ digest: string }>(['show', 'sentiment:1'], options)
  const marker = { model: 'sentiment', digest, number: 1, reference: 'sentiment:latest' }
  const volume = (ref: string, rw: boolean) => ({
    ...{ options: { ref, follow: false, rw }, created: '2026-01-01T00:00:00.000Z', users: {} },
    ...(rw && { served: { tree: 'one', marker } }),
  })
  const volumes = { ml: volume('sentiment:2', false), written: volume('sentiment:latest', true) }
  const state = { version: 1, boot: '', volumes }
  await mkdir(plugin, { recursive: true })
  await writeFile(join(plugin, 'state.json'), JSON.stringify(state))
  const { retention } = await ask<Collected>(['gc', '--keep-last', '1'], options)
  assert.deepEqual(numbersOf(retention.removed), [3])
  assert.deepEqual(
    retention.kept.slice(0, 2).map(({ because }) => because),
    [[{ kind: 'volume', by: 'written (ballast)' }], [{ kind: 'volume', by: 'ml (ballast)' }]],
  )
  const { usedBy } = await ask<{ usedBy: readonly { kind: string; place: string }[] }>(
    ['show', 'sentiment:1'],
    options,
  )
  assert.deepEqual(
    usedBy.map(({ kind, place }) => [kind, place]),
    [['volume', 'written (ballast)']],
  )
  await writeFile(join(plugin, 'state.json'), '{}')
  const refused = await run(['gc', '--keep-last', '1'], options)
  assert.equal(refused.code, 4)
  assert.match(refused.stderr, /state\.json cannot be read/)
})

test('the policy that is kept with the store is that of gc --policy and of serve --gc', async (t) => {
  const { store, options } = await world(t, 4)
  const none = await run(['gc', '--policy'], options)
  assert.equal(none.code, 3)
  assert.match(none.stderr, /has no policy of its own[\s\S]*--set-policy/)
  await ask(['gc', '--set-policy', '--keep-last', '3'], options)
  assert.deepEqual(numbersOf((await ask<Collected>(['gc', '--policy'], options)).retention.removed), [1])
  await ask(['gc', '--set-policy', '--keep-last', '2'], options)
  const serving = start(['serve', '--gc', '1s', '--json'], options)
  t.after(serving.kill)
  await eventually(async () => assert.match(serving.stdout(), /sentiment:2/))
  await addVersion(store, 'sentiment', { 'model.bin': 'one more' })
  await eventually(async () => assert.match(serving.stdout(), /sentiment:3/))
  process.kill(serving.child.pid as number, 'SIGTERM')
  assert.equal((await serving.ended).code, 0)
  for (const wrong of [
    ['gc', '--set-policy'],
    ['gc', '--keep-last', '0'],
    ['gc', '--keep-within', 'soon'],
    ['gc', '--policy', '--keep-last', '1'],
    ['gc', 's3://models/team', '--policy'],
    ['gc', 's3://models/team', '--budget', '1GB'],
  ]) {
    assert.equal((await run(wrong, options)).code, 2, wrong.join(' '))
  }
})
