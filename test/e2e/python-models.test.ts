import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, link, mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { ask, run as ballast } from '../fixtures/command.ts'
import { writeImageLayout } from '../fixtures/image-layout.ts'
import { missingParts } from '../fixtures/parts.ts'
import { findPython, type Python } from '../fixtures/python.ts'
import { temporaryDirectory } from '../fixtures/temporary.ts'

const run = promisify(execFile)
const found = await findPython()
const skip = 'missing' in found ? found.missing : missingParts('umoci')
const python = found as Python

interface World {
  readonly directory: string
  readonly models: string
  readonly options: { readonly store: string; readonly cwd: string }
}

/** The models as their libraries wrote them, and an empty store. */
async function createWorld(t: TestContext): Promise<World> {
  const directory = await temporaryDirectory(t)
  const models = join(directory, 'models')
  await mkdir(models)
  await python.script('make-models.py', models)
  return { directory, models, options: { store: join(directory, 'store'), cwd: directory } }
}

const loadOnnx = async (place: string) => JSON.parse(await python.script('load-models.py', 'onnx', place))
const loadSafetensors = async (place: string) =>
  JSON.parse(await python.script('load-models.py', 'safetensors', place))

/** The root of the image that the model is embedded into, as umoci unpacks it. */
async function embedded({ directory, options }: World, reference: string): Promise<string> {
  const base = { tag: 'base', layers: [[{ path: 'app/' }, { path: 'app/main.py', text: 'pass' }]] }
  await writeImageLayout(join(directory, 'images'), base)
  const image = `oci:${join(directory, 'images')}`
  await ask(['embed', `${reference}=/app/models`, `${image}:base`, '-t', `${image}:full`], options)
  const bundle = join(directory, 'bundle')
  const rootless = process.getuid?.() === 0 ? [] : ['--rootless']
  await run('umoci', ['unpack', ...rootless, '--image', `${join(directory, 'images')}:full`, bundle])
  return join(bundle, 'rootfs')
}

test('ONNX with external data loads from every place that Ballast puts it, and not through hard links', {
  skip,
}, async (t) => {
  const world = await createWorld(t)
  const { directory, models, options } = world
  const expected = await loadOnnx(join(models, 'external'))
  assert.ok(expected.weights > 0 && expected.product > 0)

  // Why Ballast makes no hard links of it.
  const linked = join(directory, 'linked')
  await mkdir(linked)
  for (const name of ['model.onnx', 'weights.bin']) {
    await link(join(models, 'external', name), join(linked, name))
  }
  await assert.rejects(loadOnnx(linked), /multiple hard links/)
  await rm(linked, { recursive: true })

  await ask(['add', 'product:prod', './models/external'], options)
  await ask(['mount', 'product:prod', './pinned'], options)
  assert.deepEqual(await loadOnnx(join(directory, 'pinned')), expected)

  await ask(['mount', 'product:prod', './live', '--follow', '--once'], options)
  const [name] = (await readdir(join(directory, 'live'))).filter((entry) => !entry.startsWith('.'))
  assert.deepEqual(await loadOnnx(join(directory, 'live', name ?? '')), expected)

  const mounted = await ask<{ warnings: readonly string[] }>(
    ['mount', 'product:prod', './with-link', '--link'],
    options,
  )
  assert.match(mounted.warnings.join(), /external data of model\.onnx/)
  assert.deepEqual(await loadOnnx(join(directory, 'with-link')), expected)

  const root = await embedded(world, 'product:prod')
  assert.deepEqual(await loadOnnx(join(root, 'app/models')), expected)
})

test('ONNX with external data loads where the model was renamed before it was added, with --link too', {
  skip,
}, async (t) => {
  const { directory, models, options } = await createWorld(t)
  const expected = await loadOnnx(join(models, 'external'))
  await rename(join(models, 'external/model.onnx'), join(models, 'external/graph.dat'))
  await ask(['add', 'product', './models/external'], options)
  await ask(['mount', 'product', './target', '--link'], options)
  // The application knows its name; a name beside it changes nothing for onnx.
  await cp(join(directory, 'target/graph.dat'), join(directory, 'target/model.onnx'))
  assert.deepEqual(await loadOnnx(join(directory, 'target')), expected)
})

test('an ONNX model that holds its weights is hard-linked with --link, and loads', { skip }, async (t) => {
  const { directory, models, options } = await createWorld(t)
  await ask(['add', 'product', './models/whole'], options)
  const { bytesCopied } = await ask<{ bytesCopied: number }>(
    ['mount', 'product', './target', '--link'],
    options,
  )
  assert.equal(bytesCopied, 0)
  assert.equal((await stat(join(directory, 'target/model.onnx'))).nlink, 2)
  assert.deepEqual(await loadOnnx(join(directory, 'target')), await loadOnnx(join(models, 'whole')))
})

test('a sharded safetensors model loads mounted and embedded', { skip }, async (t) => {
  const world = await createWorld(t)
  const { directory, models, options } = world
  const expected = await loadSafetensors(join(models, 'sharded'))
  assert.deepEqual(Object.keys(expected), ['embed', 'head'])
  await ask(['add', 'text/bert', './models/sharded'], options)
  await ask(['mount', 'text/bert', './pinned'], options)
  assert.deepEqual(await loadSafetensors(join(directory, 'pinned')), expected)
  await ask(['mount', 'text/bert', './linked', '--link'], options)
  assert.deepEqual(await loadSafetensors(join(directory, 'linked')), expected)
  const root = await embedded(world, 'text/bert')
  assert.deepEqual(await loadSafetensors(join(root, 'app/models')), expected)
})

interface Shown {
  readonly description: {
    readonly format: string
    readonly precision?: string
    readonly parameters?: number
    readonly architecture?: string
    readonly externalData: readonly unknown[]
    readonly files: readonly { readonly path: string; readonly format: string }[]
    readonly hazards: readonly { readonly path: string }[]
  }
}

test('what the libraries write is told for what it is, by content alone', { skip }, async (t) => {
  const { models, options } = await createWorld(t)
  const show = async (name: string): Promise<Shown['description']> => {
    await ask(['add', name, `./models/${name}`], options)
    return (await ask<Shown>(['show', name], options)).description
  }

  const onnx = await show('external')
  assert.deepEqual([onnx.format, onnx.precision, onnx.parameters], ['onnx', 'F32', 4096])
  assert.deepEqual(onnx.externalData, [{ path: 'weights.bin', neededBy: 'model.onnx', present: true }])
  assert.deepEqual((await show('whole')).externalData, [])

  const sharded = await show('sharded')
  assert.deepEqual(
    [sharded.format, sharded.precision, sharded.parameters, sharded.architecture],
    ['safetensors', 'F16', 6144, 'bert'],
  )

  const gguf = await show('gguf')
  assert.deepEqual(
    [gguf.format, gguf.precision, gguf.parameters, gguf.architecture],
    ['gguf', 'Q8_0', 4160, 'llama'],
  )

  const pickles = await show('pickles')
  const names = await readdir(join(models, 'pickles'))
  assert.deepEqual(
    pickles.hazards.map(({ path }) => path),
    names.sort(),
  )
  for (const { path, format } of pickles.files) {
    assert.equal(format, path.startsWith('joblib') ? 'joblib' : 'pickle', path)
  }

  const others = await show('others')
  const formats = Object.fromEntries(others.files.map(({ path, format }) => [path, format]))
  assert.deepEqual(formats, {
    'array.npy': 'numpy',
    'arrays.npz': 'numpy',
    'keras.dat': 'keras-hdf5',
    'objects.npy': 'numpy',
    'other.dat': 'hdf5',
  })
  assert.deepEqual(
    others.hazards.map(({ path }) => path),
    ['objects.npy'],
  )

  const table = await ballast(['show', 'sharded'], options)
  assert.match(table.stdout, /^safetensors, F16, 6\.14 k parameters, bert$/m)
  assert.match((await ballast(['list', 'gguf'], options)).stdout, /gguf, Q8_0/)
  assert.match(
    (await ballast(['show', 'pickles'], options)).stdout,
    /estimator-0\.dat: loading it can run code/,
  )
})
