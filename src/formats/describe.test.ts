import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gguf, onnx, safetensors } from '../../test/fixtures/model-files.ts'
import { bytesContent } from '../core/index.ts'
import { describeFiles } from './describe.ts'
import { decodeDescription, encodeDescription } from './description.ts'
import { inspectFile } from './inspect-file.ts'
import { randomAccess } from './random-access.ts'

async function describe(contents: Readonly<Record<string, string | Uint8Array>>) {
  const files = Object.entries(contents).map(async ([path, data]) => {
    const content = bytesContent(Buffer.from(data))
    return { path, size: content.size, facts: await inspectFile(randomAccess(path, content)) }
  })
  return describeFiles(await Promise.all(files))
}

const half = (rows: number) => safetensors({ w: { dtype: 'F16', shape: [rows, 10] } })

test('the shards of a model are counted together, with the architecture from its config', async () => {
  const index = {
    weight_map: { a: 'model-00001-of-00002.safetensors', b: 'model-00002-of-00002.safetensors' },
  }
  const files = {
    'config.json': '{"model_type":"llama"}',
    'model-00001-of-00002.safetensors': half(100),
    'model-00002-of-00002.safetensors': half(20),
    'model.safetensors.index.json': JSON.stringify(index),
  }
  const description = await describe(files)
  assert.deepEqual(
    [description.format, description.precision, description.parameters, description.architecture],
    ['safetensors', 'F16', 1200, 'llama'],
  )
  assert.deepEqual(description.remarks, [])
  const { 'model-00002-of-00002.safetensors': _, ...cut } = files
  assert.match((await describe(cut)).remarks.join(), /lists 2 files, of which 1 are not here: model-00002/)
})

test('parts in directories of their own are added up; alternatives side by side are not', async () => {
  const parts = await describe({ 'unet/model.safetensors': half(10), 'vae/model.safetensors': half(3) })
  assert.equal(parts.parameters, 130)
  const tensors = [{ shape: [320, 10], type: 12 }]
  const alternatives = await describe({
    'q4.gguf': gguf({ fileType: 15, tensors }),
    'q2.gguf': gguf({ fileType: 10, tensors: [{ shape: [320, 9], type: 10 }] }),
  })
  assert.deepEqual([alternatives.precision, alternatives.parameters], ['Q4_K_M', 3200])
  assert.match(alternatives.remarks.join(), /2 models side by side.*q4\.gguf/)
})

test('a model is called by the format that most of its bytes are in', async () => {
  const description = await describe({ 'a.onnx': onnx({}), 'b.safetensors': half(1000), 'note.txt': 'x' })
  assert.equal(description.format, 'safetensors')
  assert.deepEqual(Object.keys(description.formats), ['onnx', 'plain', 'safetensors'])
  assert.equal((await describe({ 'note.txt': 'x' })).format, 'plain')
})

test('files that an ONNX model needs are named, the missing ones too', async () => {
  const model = onnx({
    initializers: [
      { dims: [2, 2], type: 10, location: 'w.bin' },
      { dims: [3], type: 10, location: '../out.bin' },
    ],
  })
  const description = await describe({ 'm/model.onnx': model, 'm/w.bin': 'weights!' })
  assert.deepEqual(description.externalData, [
    { path: 'out.bin', neededBy: 'm/model.onnx', present: false },
    { path: 'm/w.bin', neededBy: 'm/model.onnx', present: true },
  ])
  assert.equal(description.files.find(({ path }) => path === 'm/w.bin')?.format, 'onnx-data')
  assert.match(description.remarks.join(), /m\/model\.onnx needs out\.bin, which is not among the files/)
})

test('a SavedModel is told by its graph, and its variables with it', async () => {
  const description = await describe({
    'saved_model.pb': Buffer.from([8, 1, 18, 2, 0, 0]),
    'variables/variables.index': 'index',
    'variables/variables.data-00000-of-00001': 'weights',
  })
  assert.equal(description.format, 'tensorflow-saved-model')
  assert.equal(description.formats['tensorflow-variables']?.files, 2)
  assert.equal((await describe({ 'saved_model.pb': 'text' })).format, 'plain')
})

test('files that can run code are named; the order of the files changes nothing', async () => {
  const contents = { 'b.bin': Buffer.from([0x80, 4, 0x4e, 0x2e]), 'a.safetensors': half(5) }
  const description = await describe(contents)
  assert.deepEqual(description.hazards, [{ path: 'b.bin', why: 'it is a pickle' }])
  const reversed = Object.fromEntries(Object.entries(contents).reverse())
  assert.deepEqual(encodeDescription(await describe(reversed)), encodeDescription(description))
})

test('what was not looked at is said', () => {
  const description = describeFiles([{ path: 'a', size: 1, facts: undefined }])
  assert.deepEqual(description.remarks, ['1 of 1 files were not looked at'])
})

test('a description is read back; anything else, and what would write to a terminal, is not', async () => {
  const description = await describe({ 'a.safetensors': half(5), 'x.onnx': onnx({}) })
  assert.deepEqual(decodeDescription(encodeDescription(description)), description)
  for (const other of [
    '{}',
    'null',
    JSON.stringify({ ...description, format: '\u001b[2J' }),
    JSON.stringify({ ...description, parameters: -1 }),
    JSON.stringify({ ...description, hazards: [{ path: 1 }] }),
    JSON.stringify({ ...description, files: {} }),
  ]) {
    assert.equal(decodeDescription(Buffer.from(other)), undefined, other)
  }
})
