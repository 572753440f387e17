import assert from 'node:assert/strict'
import { readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ask, type RunOptions, run } from '../fixtures/command.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

type World = RunOptions & { readonly cwd: string }

interface Mounted {
  readonly version: string
  readonly path: string
  readonly bytesCopied: number
  readonly warnings: readonly string[]
}

interface Checked {
  readonly faults: readonly string[]
  readonly version?: string
  readonly mend?: string
  readonly notes?: readonly string[]
}

/** Three versions of a model, of which `prod` is the first. */
async function createWorld(t: TestContext): Promise<World> {
  const cwd = await temporaryDirectory(t)
  const options = { store: join(cwd, 'store'), cwd }
  for (const at of [1, 2, 3]) {
    await writeFiles(join(cwd, `m${at}`), { 'saved_model.pb': `graph ${at}`, 'variables/v': `weights ${at}` })
    await ask(['add', 'acme/calc', `./m${at}`], options)
  }
  await ask(['tag', 'acme/calc:1', 'prod'], options)
  return options
}

test('a following layout from the first version to a move back, by the command', async (t) => {
  const world = await createWorld(t)
  const { cwd } = world
  const mount = () =>
    ask<Mounted>(
      ['mount', 'acme/calc:prod', './served', '--layout', 'tfserving', '--follow', '--once', '--keep', '2'],
      world,
    )
  assert.equal((await mount()).path, 'calc')
  for (const number of [2, 3]) {
    await ask(['tag', `acme/calc:${number}`, 'prod'], world)
    await mount()
  }
  assert.deepEqual(await readdir(join(cwd, 'served/calc')), ['1', '2', '3'])
  assert.equal(await readFile(join(cwd, 'served/calc/3/variables/v'), 'utf8'), 'weights 3')
  await ask(['rollback', './served'], world)
  assert.deepEqual(await readdir(join(cwd, 'served/calc')), ['1', '2'])
  const history = await ask<readonly { number: number; by: string }[]>(['history', './served'], world)
  assert.deepEqual(
    history.map(({ number, by }) => `${number} ${by}`),
    ['1 mount', '2 mount', '3 mount', '2 rollback'],
  )
  const [checked] = await ask<readonly Checked[]>(['check', './served'], world)
  assert.deepEqual([checked?.version, checked?.faults], ['acme/calc:2', []])

  await rm(join(cwd, 'served/calc/2'))
  const broken = await run(['check', './served', '--json'], world)
  assert.equal(broken.code, 4)
  assert.match(broken.stdout, /mount acme\/calc:prod .\/served --follow --once --layout tfserving --as calc/)
  await mount()
  assert.equal((await run(['check', './served'], world)).code, 0)
  await ask(['unmount', './served'], world)
  await assert.rejects(stat(join(cwd, 'served')), { code: 'ENOENT' })
})

test('a pinned layout stays until another version is put in its place; several stand in one target', async (t) => {
  const world = await createWorld(t)
  const { cwd } = world
  await ask(['mount', 'acme/calc:1', './served', '--layout', 'triton'], world)
  const other = await run(['mount', 'acme/calc:2', './served', '--layout', 'triton'], world)
  assert.deepEqual([other.code, /--replace/.test(other.stderr)], [5, true])
  await ask(['mount', 'acme/calc:2', './served', '--layout', 'triton', '--replace'], world)
  assert.deepEqual(await readdir(join(cwd, 'served/calc')), ['1', '2'])
  const hub = await ask<Mounted>(['mount', 'acme/calc:2', './served', '--layout', 'hf'], world)
  assert.deepEqual([hub.path, hub.bytesCopied], ['models--acme--calc', 0])
  const checked = await ask<readonly Checked[]>(['check', './served'], world)
  assert.deepEqual(
    checked.map(({ version, faults }) => [version, faults]),
    [
      ['acme/calc:2', []],
      ['acme/calc:2', []],
    ],
  )
})

test('what cannot be is refused, and says what to do instead', async (t) => {
  const world = await createWorld(t)
  const cases: readonly (readonly [args: string, code: number, says: RegExp])[] = [
    ['./a --layout torchserve', 2, /triton, tfserving, hf/],
    ['./a --keep 2', 2, /--follow or --layout/],
    ['./a --layout hf --keep many', 2, /--keep many/],
    ['./a --layout hf --as acme/calc/large', 2, /--as ORG\/NAME/],
    ['./a --layout triton --as ../calc', 2, /--as/],
    ['./a --layout triton --rw', 2, /--rw/],
    ['./pinned --layout triton', 5, /mount of one version/],
    ['./pinned --layout triton --follow --once', 5, /cannot follow/],
  ]
  await ask(['mount', 'acme/calc:1', './pinned'], world)
  for (const [args, code, says] of cases) {
    const ran = await run(['mount', 'acme/calc:prod', ...args.split(' ')], world)
    assert.equal(ran.code, code, `${args}: ${ran.stderr}`)
    assert.match(ran.stderr, says)
  }
  assert.deepEqual((await readdir(world.cwd)).sort(), ['m1', 'm2', 'm3', 'pinned', 'store'])
})

test('shards of a GGUF model stand in one directory under their own names, and a missing one is told', async (t) => {
  const cwd = await temporaryDirectory(t)
  const world = { store: join(cwd, 'store'), cwd }
  const shard = (number: number) => `llama-0000${number}-of-00003.gguf`
  await writeFiles(join(cwd, 'whole'), { [shard(1)]: 'a', [shard(2)]: 'b', [shard(3)]: 'c' })
  await writeFiles(join(cwd, 'part'), { [shard(1)]: 'a', [shard(3)]: 'c' })
  await ask(['add', 'llama', './whole'], world)
  const whole = await ask<Mounted>(['mount', 'llama', './models', '--follow', '--once'], world)
  assert.deepEqual(whole.warnings, [])
  assert.deepEqual((await readdir(join(cwd, 'models/llama'))).sort(), [
    '.ballast',
    shard(1),
    shard(2),
    shard(3),
  ])
  const added = await ask<Mounted>(['add', 'llama', './part'], world)
  assert.match(added.warnings.join(), /of its 3 shards llama-00002-of-00003.gguf is not there/)
  const part = await ask<Mounted>(['mount', 'llama', './models', '--follow', '--once'], world)
  assert.match(part.warnings.join(), /llama-00002-of-00003.gguf/)
  const [checked] = await ask<readonly Checked[]>(['check', './models'], world)
  assert.match((checked?.notes ?? []).join(), /llama-00002-of-00003.gguf/)
})
