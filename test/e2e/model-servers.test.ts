import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ask, type RunOptions, run } from '../fixtures/command.ts'
import { findPython, type Python } from '../fixtures/python.ts'
import { type Contents, temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'
import { startTriton, tritonModel } from '../fixtures/triton.ts'
import { eventually } from '../fixtures/wait.ts'

const REQUIREMENTS = fileURLToPath(new URL('../fixtures/python/servers-requirements.txt', import.meta.url))
const found = await findPython(REQUIREMENTS, { complete: true })
const skip = 'missing' in found && found.missing
const python = found as Python
const libraries = await findPython()
const SAVED_MODELS = fileURLToPath(new URL('../fixtures/saved-model/', import.meta.url))

type World = RunOptions & { readonly cwd: string; readonly store: string }

async function createWorld(t: TestContext): Promise<World> {
  const cwd = await temporaryDirectory(t)
  return { store: join(cwd, 'store'), cwd }
}

/** Adds the next version, and lets `prod` point to it. */
async function release(world: World, model: string, contents: Contents): Promise<void> {
  const directory = await temporaryVersion(world, contents)
  await ask(['add', `${model}:prod`, directory], world)
}

async function temporaryVersion({ cwd }: World, contents: Contents): Promise<string> {
  const name = `version-${(await readdir(cwd)).length}`
  await writeFiles(join(cwd, name), contents)
  return `./${name}`
}

const follow = (world: World, ...options: readonly string[]) =>
  ask<{ readonly warnings: readonly string[] }>(
    ['mount', 'sentiment:prod', './served', '--layout', 'triton', '--follow', '--once', ...options],
    world,
  )

test('Triton polls a repository of nothing but models, and goes on and back with it', { skip }, async (t) => {
  const world = await createWorld(t)
  await release(world, 'sentiment', tritonModel(1))
  assert.deepEqual((await follow(world)).warnings, [])
  const triton = await startTriton(t, python, [
    `--model-repository=${join(world.cwd, 'served/.ballast/repository')}`,
    '--model-control-mode=poll',
    '--repository-poll-secs=1',
  ])
  const serves = (number: number) =>
    eventually(async () => {
      assert.deepEqual(await triton.infer('sentiment'), { version: `${number}`, said: number })
    })
  await serves(1)
  await release(world, 'sentiment', tritonModel(2))
  await follow(world)
  await serves(2)
  await ask(['rollback', './served'], world)
  await serves(1)
  const index = await fetch(`${triton.url}/v2/repository/index`, { method: 'POST' })
  const models = (await index.json()) as readonly { readonly name: string }[]
  assert.deepEqual([...new Set(models.map(({ name }) => name))], ['sentiment'])
})

test('Triton is told of a version, proves it, and keeps the one before where it does not load', {
  skip,
}, async (t) => {
  const world = await createWorld(t)
  await release(world, 'sentiment', tritonModel(1))
  await follow(world)
  const { url, infer } = await startTriton(t, python, [
    `--model-repository=${join(world.cwd, 'served')}`,
    '--model-control-mode=explicit',
    '--load-model=sentiment',
  ])
  const told = ['--reload', `triton:${url}`]
  await release(world, 'sentiment', tritonModel(2))
  await follow(world, ...told)
  assert.deepEqual(await infer('sentiment'), { version: '2', said: 2 })
  await release(world, 'sentiment', tritonModel(3, { fails: true }))
  const refused = await run(
    ['mount', 'sentiment:prod', './served', '--layout', 'triton', '--follow', '--once', ...told],
    world,
  )
  assert.equal(refused.code, 4)
  assert.match(refused.stderr, /sentiment:3 was put back.*wrong data/s)
  assert.deepEqual(await infer('sentiment'), { version: '2', said: 2 })
  assert.deepEqual((await readdir(join(world.cwd, 'served/sentiment'))).sort(), ['1', '2', 'config.pbtxt'])
})

test('a SavedModel loads from the newest version of the layout of TensorFlow Serving', {
  skip,
}, async (t) => {
  const world = await createWorld(t)
  const load = async () =>
    JSON.parse(await python.script('load-served.py', 'saved-model', join(world.cwd, 'served/calc')))
  await ask(['add', 'calc:prod', join(SAVED_MODELS, '1')], world)
  await ask(['mount', 'calc:prod', './served', '--layout', 'tfserving', '--follow', '--once'], world)
  assert.deepEqual(await load(), { number: 1, product: 3 })
  await ask(['add', 'calc:prod', join(SAVED_MODELS, '2')], world)
  await ask(['mount', 'calc:prod', './served', '--layout', 'tfserving', '--follow', '--once'], world)
  assert.deepEqual(await load(), { number: 2, product: 6 })
})

test('libraries of the hub load from the cache offline, by main, tag, number and commit', {
  skip,
}, async (t) => {
  const world = await createWorld(t)
  const env = { ...process.env, HF_HUB_CACHE: join(world.cwd, 'hub'), HF_HUB_OFFLINE: '1' }
  const script = fileURLToPath(new URL('../fixtures/python/load-served.py', import.meta.url))
  const load = async (...revisions: readonly string[]) => {
    const args = [script, 'hub', 'acme/Sentiment-v1', ...revisions]
    return JSON.parse((await promisify(execFile)(python.command, args, { env })).stdout)
  }
  const mount = () =>
    ask(
      [
        'mount',
        'sentiment:prod',
        './hub',
        '--layout',
        'hf',
        '--as',
        'acme/Sentiment-v1',
        '--follow',
        '--once',
      ],
      world,
    )
  await release(world, 'sentiment', tokenizer(10))
  await mount()
  const [first] = (await load('main')).loaded
  assert.deepEqual(first.ids, [10])
  await release(world, 'sentiment', tokenizer(20))
  await mount()
  const { loaded, refs, repository } = await load('main', 'prod', '2', '1', first.commit)
  assert.deepEqual(
    loaded.map(({ ids, config }: { ids: number[]; config: { number: number } }) => [...ids, config.number]),
    [20, 20, 20, 10, 10].map((number) => [number, number]),
  )
  assert.deepEqual([repository, refs], ['acme/Sentiment-v1', ['1', '2', 'main', 'prod']])
})

test('ONNX with external data loads from every layout, because none of them links files', {
  skip: 'missing' in libraries && libraries.missing,
}, async (t) => {
  const world = await createWorld(t)
  const { script } = libraries as Python
  const load = async (place: string) =>
    JSON.parse(await script('load-models.py', 'onnx', join(world.cwd, place)))
  await script('make-models.py', world.cwd)
  await ask(['add', 'large', './external'], world)
  for (const layout of ['triton', 'hf'])
    await ask(['mount', 'large:1', './served', '--layout', layout], world)
  const [revision] = await readdir(join(world.cwd, 'served/models--large/snapshots'))
  const expected = await load('external')
  assert.deepEqual(await load('served/large/1'), expected)
  assert.deepEqual(await load(`served/models--large/snapshots/${revision}`), expected)
})

/** One that makes a number of a word. */
function tokenizer(number: number): Contents {
  const model = { type: 'WordLevel', vocab: { '[UNK]': 0, hello: number }, unk_token: '[UNK]' }
  const parts = {
    normalizer: null,
    pre_tokenizer: { type: 'Whitespace' },
    post_processor: null,
    decoder: null,
  }
  return {
    'config.json': JSON.stringify({ number }),
    'tokenizer.json': JSON.stringify({ version: '1.0', added_tokens: [], ...parts, model }),
  }
}
