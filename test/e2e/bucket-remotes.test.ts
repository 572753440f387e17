import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startAzurite } from '../fixtures/buckets/azurite.ts'
import { isMissing } from '../fixtures/buckets/server.ts'
import { ask, run } from '../fixtures/command.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

const server = await startAzurite()
if (!isMissing(server)) after(() => server.close())
const skip = isMissing(server) ? server.missing : undefined
const env = isMissing(server) ? {} : server.env

interface Listed {
  readonly ref: string
  readonly digest: string
  readonly tags: readonly string[]
}

const REMOTE = 'az://models/team/sentiment'

test('a model goes to a bucket, is promoted and rolled back there, and comes to another store', {
  skip,
}, async (t) => {
  const directory = await temporaryDirectory(t)
  const [here, there] = [join(directory, 'here'), join(directory, 'there')]
  const files = await writeFiles(join(directory, 'files'), {
    'config.json': '{}',
    'weights.bin': 'w'.repeat(100_000),
  })
  const at = { store: here, env }
  await ask(['add', 'sentiment', files], at)
  await ask(['push', 'sentiment:1', `${REMOTE}:prod`], at)
  await writeFiles(files, { 'config.json': '{"second": true}' })
  await ask(['add', 'sentiment', files], at)
  const pushed = await ask<{ ref: string; bytesSent: number }>(
    ['push', 'sentiment:2', `${REMOTE}:candidate`],
    at,
  )
  assert.equal(pushed.ref, `${REMOTE}:2`)
  assert.ok(pushed.bytesSent < 10_000, 'the weights are there already')

  await ask(['tag', `${REMOTE}:candidate`, 'prod'], at)
  const listed = await ask<Listed[]>(['list', REMOTE], at)
  assert.deepEqual(
    listed.map(({ ref, tags }) => [ref, tags]),
    [
      [`${REMOTE}:1`, []],
      [`${REMOTE}:2`, ['candidate', 'prod']],
    ],
  )
  assert.deepEqual(await ask(['list', 'az://models/team/'], at), listed)
  assert.deepEqual(await ask(['list', 'az://models/team'], at), listed)
  await ask(['rollback', `${REMOTE}:prod`], at)
  const moves = await ask<{ number: number; by: string }[]>(['history', `${REMOTE}:prod`], at)
  assert.deepEqual(
    moves.map(({ number, by }) => [number, by]),
    [
      [1, 'push'],
      [2, 'tag'],
      [1, 'rollback'],
    ],
  )

  const heads = join(directory, 'heads.json')
  await ask(['history', REMOTE, '--export', heads], at)
  await ask(['tag', `${REMOTE}:2`, 'prod'], at)
  const checked = await ask<{ histories: object[] }>(['history', `${REMOTE}:prod`, '--check', heads], at)
  assert.deepEqual(checked.histories, [{ history: 'sentiment:prod', was: 3, now: 4, state: 'continued' }])
  await ask(['rollback', `${REMOTE}:prod`], at)

  const pulled = await ask<{ ref: string; digest: string; tag: string }>(['pull', `${REMOTE}:prod`], {
    store: there,
    env,
  })
  assert.deepEqual(
    [pulled.ref, pulled.digest, pulled.tag],
    ['sentiment:1', listed[0]?.digest, 'sentiment:prod'],
  )

  const copied = 'az://models/copied/sentiment'
  const elsewhere = await ask<{ ref: string; tag: string }>(['copy', `${REMOTE}:prod`, copied, '--lock'], at)
  assert.deepEqual([elsewhere.ref, elsewhere.tag], [`${copied}:1`, `${copied}:prod`])
  assert.deepEqual(
    (await ask<Listed[]>(['list', copied], at)).map(({ digest, tags }) => [digest, tags]),
    [[listed[0]?.digest, ['prod']]],
  )

  const busy = await run(['remove', `${REMOTE}:2`], at)
  assert.equal(busy.code, 5)
  assert.match(busy.stderr, /candidate points to/)
  await ask(['remove', `${REMOTE}:2`, '--force'], at)
  assert.equal((await ask<{ removed: unknown[] }>(['gc', 'az://models/team'], at)).removed.length, 0)
})

test('what cannot be done with a bucket says why, and what to do', { skip }, async (t) => {
  const store = await temporaryDirectory(t)
  const fails = async (args: readonly string[], code: number, says: RegExp, more = {}): Promise<void> => {
    const ran = await run(args, { store, env: { ...env, ...more } })
    assert.equal(ran.code, code, ran.stderr)
    assert.match(ran.stderr, says)
  }
  await fails(['pull', 'az://models/none/nothing'], 3, /there is no az:\/\/models\/none\/nothing:latest/)
  await fails(['pull', 'az://nowhere/none/nothing'], 3, /no bucket az:\/\/nowhere/)
  await fails(['list', 'az://models/a/../b'], 2, /\.\./)
  await fails(['gc', 'az://models/none'], 3, /holds no models/)
  await fails(['tag', `${REMOTE}:1`, '7'], 5, /numbers never move/)
  const unset = { AZURE_STORAGE_CONNECTION_STRING: undefined, AZURE_STORAGE_ACCOUNT: undefined }
  await fails(['list', REMOTE], 2, /AZURE_STORAGE_ACCOUNT/, unset)
})

test('gc of a bucket by policy removes versions that no tag holds, and their bytes after the grace time', {
  skip,
}, async (t) => {
  const directory = await temporaryDirectory(t)
  const at = { store: join(directory, 'store'), env }
  const remote = 'az://models/collected/sentiment'
  for (const [index, tag] of ['first', 'prod', 'prod', 'latest'].entries()) {
    const files = await writeFiles(join(directory, `${index}`), { 'weights.bin': `${index}`.repeat(1000) })
    await ask(['add', 'sentiment', files], at)
    await ask(['push', `sentiment:${index + 1}`, `${remote}:${tag}`], at)
  }
  await ask(['remove', `${remote}:first`], at)
  interface Collected {
    readonly removed: readonly unknown[]
    readonly retention: { readonly removed: readonly { readonly number: number }[] }
  }
  const collect = ['gc', 'az://models/collected', '--keep-last', '1']
  const dry = await ask<Collected>([...collect, '--dry-run'], at)
  assert.deepEqual(
    dry.retention.removed.map(({ number }) => number),
    [1],
  )
  assert.equal((await ask<Listed[]>(['list', remote], at)).length, 4)
  const done = await ask<Collected>(collect, at)
  assert.deepEqual(done.retention, dry.retention)
  assert.equal(done.removed.length, 0)
  const listed = await ask<Listed[]>(['list', remote], at)
  assert.deepEqual(
    listed.map(({ ref }) => ref),
    [`${remote}:2`, `${remote}:3`, `${remote}:4`],
  )
  assert.ok((await ask<Collected>(['gc', 'az://models/collected', '--grace', '0s'], at)).removed.length > 0)
  assert.equal((await run(['pull', `${remote}:2`, 'again'], at)).code, 0)
})
