import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { gguf, onnx, safetensors, torchZip, zip } from '../../test/fixtures/model-files.ts'
import { bytesContent } from '../core/index.ts'
import { precisionOf } from './facts.ts'
import { inspectFile } from './inspect-file.ts'
import { needsExternalData } from './onnx.ts'
import { type RandomAccess, randomAccess } from './random-access.ts'

const inspect = (bytes: Uint8Array | string, path = 'model') =>
  inspectFile(randomAccess(path, bytesContent(Buffer.from(bytes))))

/** As pickle.dumps wrote them: {'a': [1, 2]} with protocols 0 and 4, and a call of os.system. */
const PICKLE_0 = Buffer.from('(dp0\nVa\np1\n(lp2\nI1\naI2\nas.')
const PICKLE_4 = Buffer.from('80049511000000000000007d948c0161945d94284b014b0265732e', 'hex')
const CALL = Buffer.from('cposix\nsystem\np0\n(Vtrue\np1\ntp2\nRp3\n.')
const SAFETENSORS = safetensors({
  embed: { dtype: 'BF16', shape: [1000, 10] },
  norm: { dtype: 'F32', shape: [10] },
})
const GGUF = gguf({
  architecture: 'llama',
  fileType: 15,
  vocabulary: 50_000,
  tensors: [
    { shape: [256, 100], type: 12 },
    { shape: [100], type: 0 },
  ],
})
const ONNX = onnx({
  initializers: [
    { dims: [3, 4], type: 1 },
    { dims: [5], type: 1 },
  ],
  constants: [{ dims: [2], type: 7 }],
})
const EXTERNAL = onnx({ initializers: [{ dims: [3, 4], type: 1, location: 'weights.bin' }] })
const HDF5 = Buffer.concat([Buffer.from('\x89HDF\r\n\x1a\n', 'latin1'), Buffer.alloc(100)])
const KERAS = zip({
  'metadata.json': '{}',
  'config.json': '{"class_name":"Functional","config":{"name":"tiny"}}',
  'model.weights.h5': HDF5,
})

test('safetensors: data types and parameters from the header', async () => {
  const facts = await inspect(SAFETENSORS)
  assert.deepEqual(facts, { format: 'safetensors', dtypes: { BF16: 10_000, F32: 10 }, parameters: 10_010 })
  assert.equal(precisionOf(facts.dtypes), 'BF16')
})

test('safetensors that were cut short, or are none, say so', async () => {
  const cut = await inspect(SAFETENSORS.subarray(0, -100), 'model.safetensors')
  assert.deepEqual([cut.format, cut.remarks], ['safetensors', ['it ends too early: 100 bytes are missing']])
  const none = await inspect('<html>404</html>', 'model.safetensors')
  assert.equal(none.format, 'plain')
  assert.match(none.remarks?.[0] ?? '', /its header is longer than the file/)
  const pointer = await inspect('version https://git-lfs.github.com/spec/v1\noid sha256:', 'x.safetensors')
  assert.equal(pointer.format, 'lfs-pointer')
})

test('GGUF: architecture, quantisation and parameters, with a vocabulary larger than a window', async () => {
  const facts = await inspect(GGUF)
  assert.deepEqual(facts, {
    format: 'gguf',
    dtypes: { Q4_K: 25_600, F32: 100 },
    parameters: 25_700,
    precision: 'Q4_K_M',
    architecture: 'llama',
  })
  assert.equal((await inspect(gguf({ version: 2, tensors: [{ shape: [32], type: 8 }] }))).parameters, 32)
  assert.match((await inspect(gguf({ version: 99, tensors: [] }))).remarks?.[0] ?? '', /not read/)
})

test('an architecture that would write to a terminal is not taken over', async () => {
  assert.equal((await inspect(gguf({ architecture: '\u001b[2Jllama', tensors: [] }))).architecture, undefined)
})

test('ONNX: parameters of the initializers, and no external data', async () => {
  assert.deepEqual(await inspect(ONNX, 'renamed.bin'), {
    format: 'onnx',
    dtypes: { F32: 17 },
    parameters: 17,
    externalData: [],
  })
  assert.equal(await needsExternalData(randomAccess('x', bytesContent(ONNX))), false)
})

test('ONNX: external data is found wherever a tensor may be, under any name of the model', async () => {
  const there = { dims: [2], type: 1, location: 'a/weights.bin' }
  for (const spec of [{ initializers: [there] }, { constants: [there] }, { branch: [there] }]) {
    const bytes = onnx({ initializers: [{ dims: [9], type: 1 }], ...spec })
    assert.deepEqual((await inspect(bytes, 'x.txt')).externalData, ['a/weights.bin'], JSON.stringify(spec))
    assert.equal(await needsExternalData(randomAccess('x.txt', bytesContent(bytes))), true)
  }
})

test('an ONNX model that cannot be looked through is taken to need files beside it', async () => {
  const bytes = Buffer.from(EXTERNAL)
  // The name of the file, made to run out of its message.
  const at = bytes.indexOf('weights.bin') - 1
  bytes[at] = 0x7f
  assert.equal((await inspect(bytes)).format, 'onnx')
  assert.equal(await needsExternalData(randomAccess('x', bytesContent(bytes))), true)
})

test('ONNX weights are skipped, not read', async () => {
  const big = onnx({ initializers: Array.from({ length: 20 }, () => ({ dims: [1000, 1000], type: 1 })) })
  let read = 0
  const source: RandomAccess = {
    path: 'x.onnx',
    size: big.length,
    read: async (offset, length) => {
      read += length
      return big.subarray(offset, offset + length)
    },
  }
  assert.equal((await inspectFile(source)).parameters, 20_000_000)
  assert.ok(read < big.length / 100, `${read} of ${big.length} bytes`)
})

test('pickles of every protocol, compressed or not, under any name', async () => {
  for (const bytes of [PICKLE_0, PICKLE_4, CALL, gzipSync(PICKLE_4), deflateSync(CALL)]) {
    const facts = await inspect(bytes, 'notes.txt')
    assert.equal(facts.format, 'pickle', bytes.toString('latin1'))
    assert.equal(facts.hazard, 'it is a pickle')
  }
  // What follows a call does not matter: it has run by then.
  assert.equal((await inspect(Buffer.concat([CALL.subarray(0, -1), Buffer.from('\xff')]))).format, 'pickle')
})

test('joblib', async () => {
  const array = Buffer.concat([
    Buffer.from([0x80, 4]),
    Buffer.from('\x8c\x13joblib.numpy_pickle\x94\x8c\x11NumpyArrayWrapper\x94\x93', 'latin1'),
    Buffer.alloc(100, 0xee),
  ])
  assert.equal((await inspect(array)).format, 'joblib')
  assert.equal((await inspect(gzipSync(array))).format, 'joblib')
  assert.equal((await inspect(deflateSync(PICKLE_4), 'model.joblib')).format, 'joblib')
})

test('torch, by what is in the zip', async () => {
  const facts = await inspect(
    torchZip([
      ['HalfStorage', 2000],
      ['HalfStorage', 48],
    ]),
    'weights.data',
  )
  assert.deepEqual(facts, {
    format: 'torch',
    dtypes: { F16: 1024 },
    parameters: 1024,
    hazard: 'it holds a pickle',
  })
  const mixed = await inspect(
    torchZip([
      ['HalfStorage', 2000],
      ['FloatStorage', 48],
    ]),
  )
  assert.deepEqual([mixed.precision, mixed.parameters], ['mixed (F32, F16)', undefined])
  const script = zip({ 'm/data.pkl': PICKLE_4, 'm/code/__torch__.py': 'x', 'm/constants.pkl': PICKLE_4 })
  assert.equal((await inspect(script)).format, 'torchscript')
  const legacy = Buffer.from('80028a0a6cfc9c46f9206aa850192e80024de9032e', 'hex')
  assert.equal((await inspect(legacy)).format, 'torch-legacy')
  assert.equal((await inspect(zip({ 'MAR-INF/MANIFEST.json': '{}' }))).format, 'torch-archive')
})

test('Keras, and its layers that hold code', async () => {
  assert.deepEqual(await inspect(KERAS), { format: 'keras', architecture: 'tiny' })
  for (const deflate of [false, true]) {
    const config = '{"config":{"layers":[{"class_name": "Lambda"}]}}'
    const bytes = zip({ 'config.json': config, 'model.weights.h5': HDF5 }, { deflate, zip64: deflate })
    assert.match((await inspect(bytes)).hazard ?? '', /Lambda/)
  }
  assert.equal((await inspect(HDF5)).format, 'hdf5')
  const keras = Buffer.concat([HDF5, Buffer.from('keras_version {"class_name": "Lambda"}')])
  const facts = await inspect(keras, 'model.h5')
  assert.equal(facts.format, 'keras-hdf5')
  assert.match(facts.hazard ?? '', /Lambda/)
})

test('numpy arrays, and those of objects', async () => {
  const array = (descr: string) => {
    const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (3, 5), }\n`
    const length = Buffer.from([header.length, 0])
    return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), length, Buffer.from(header)])
  }
  assert.deepEqual(await inspect(array('<f4')), { format: 'numpy', dtypes: { F32: 15 }, parameters: 15 })
  assert.match((await inspect(array('|O'))).hazard ?? '', /pickle/)
  assert.equal((await inspect(zip({ 'a.npy': array('<f4') }))).format, 'numpy')
})

test('formats that only hold data are no hazard, whatever they are called', async () => {
  for (const [name, bytes] of Object.entries({ SAFETENSORS, GGUF, ONNX, EXTERNAL, KERAS })) {
    assert.equal((await inspect(bytes, 'pytorch_model.bin')).hazard, undefined, name)
  }
})

test('texts, pictures and archives are plain', async () => {
  const plain: Readonly<Record<string, string | Uint8Array>> = {
    'a.txt': 'class A:\n  pass\n(tR',
    'b.txt': 'config\nof this\n',
    'c.json': '{"a":1}',
    'd.png': Buffer.from('89504e470d0a1a0a', 'hex'),
    'e.zip': zip({ 'readme.txt': 'hello' }),
    'f.gz': gzipSync('hello, hello'),
    'g.bin': Buffer.alloc(4096),
    'h.txt': '',
    'i.txt': 'N.',
  }
  for (const [name, bytes] of Object.entries(plain)) {
    assert.deepEqual(await inspect(bytes, name), { format: 'plain' }, name)
  }
})

const SAMPLES = [
  SAFETENSORS,
  GGUF,
  ONNX,
  EXTERNAL,
  KERAS,
  PICKLE_0,
  PICKLE_4,
  torchZip([['FloatStorage', 64]]),
  HDF5,
]
const NAMES = [
  'x',
  'x.onnx',
  'x.safetensors',
  'x.gguf',
  'x.pkl',
  'x.npy',
  'saved_model.pb',
  'config.json',
  'x.index.json',
]

/** Reads are bounded, whatever a header claims. */
async function inspectBounded(bytes: Uint8Array, path: string) {
  let asked = 0
  const facts = await inspectFile({
    path,
    size: bytes.length,
    read: async (offset, length) => {
      assert.ok(offset >= 0 && length >= 0 && offset + length <= bytes.length, `${offset}+${length}`)
      asked += length
      return bytes.subarray(offset, offset + length)
    },
  })
  assert.ok(asked <= 40 * (bytes.length + 1024), `${asked} bytes read of ${bytes.length}`)
  return facts
}

test('property: random bytes are no ONNX, and never an error', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), fc.constantFrom(...NAMES), async (bytes, path) => {
      const { format } = await inspectBounded(bytes, path)
      assert.ok(!['onnx', 'safetensors', 'gguf', 'keras', 'torch'].includes(format), format)
    }),
    { numRuns: 3000 },
  )
})

test('property: damaged models are never an error, and are read within bounds', async () => {
  const damage = fc.record({
    sample: fc.nat(SAMPLES.length - 1),
    path: fc.constantFrom(...NAMES),
    cut: fc.double({ min: 0, max: 1, noNaN: true }),
    changes: fc.array(
      fc.record({
        at: fc.double({ min: 0, max: 1, noNaN: true }),
        bytes: fc.oneof(
          fc.uint8Array({ minLength: 1, maxLength: 8 }),
          fc.constantFrom(...[0, 0x7f, 0x80, 0xff].map((byte) => new Uint8Array(8).fill(byte))),
        ),
      }),
      { maxLength: 4 },
    ),
    nearStart: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(damage, async ({ sample: index, path, cut, changes, nearStart }) => {
      const sample = SAMPLES[index] as Buffer
      const bytes = Buffer.from(sample.subarray(0, Math.ceil(sample.length * (cut < 0.5 ? 1 : cut))))
      for (const { at, bytes: change } of changes) {
        const reach = nearStart ? Math.min(200, bytes.length) : bytes.length
        Buffer.from(change).copy(bytes, Math.floor(at * reach))
      }
      const { parameters } = await inspectBounded(bytes, path)
      assert.ok(parameters === undefined || Number.isSafeInteger(parameters))
    }),
    { numRuns: 3000 },
  )
})

test('impossible lengths, depths and counts end at once', async () => {
  const huge = (value: bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64LE(value)
    return bytes
  }
  const head = Buffer.from('GGUF\u0003\0\0\0')
  const hostile: Readonly<Record<string, Buffer>> = {
    'tensors.gguf': Buffer.concat([head, huge(2n ** 63n), huge(0n)]),
    'pairs.gguf': Buffer.concat([head, huge(0n), huge(2n ** 64n - 1n)]),
    'key.gguf': Buffer.concat([head, huge(1n), huge(1n), huge(2n ** 63n), Buffer.alloc(100)]),
    'length.safetensors': Buffer.concat([huge(2n ** 63n), Buffer.from('{}')]),
    'deep.safetensors': Buffer.concat([huge(4_000_000n), Buffer.alloc(4_000_000, '{"a":')]),
    'deep.index.json': Buffer.from('['.repeat(4_000_000)),
    // One graph in another, as deep as the file allows.
    'deep.onnx': deepOnnx(3000),
    'bomb.joblib': gzipSync(Buffer.alloc(64 * 1024 * 1024)),
  }
  for (const [path, bytes] of Object.entries(hostile)) {
    const started = performance.now()
    const facts = await inspectBounded(bytes, path)
    assert.equal(facts.parameters, undefined, path)
    assert.ok(performance.now() - started < 2000, path)
  }
  const lengths = zip({ 'config.json': '{}', 'metadata.json': '{}' })
  lengths.writeUInt32LE(0xfffffff0, lengths.length - 6)
  assert.match((await inspectBounded(lengths, 'x.keras')).remarks?.[0] ?? '', /ends too early/)
})

function deepOnnx(depth: number): Buffer {
  const wrap = (number: number, value: Buffer): Buffer => {
    const length: number[] = []
    for (let rest = value.length; ; rest = Math.floor(rest / 128)) {
      length.push((rest % 128) + (rest >= 128 ? 128 : 0))
      if (rest < 128) break
    }
    return Buffer.concat([Buffer.from([number * 8 + 2, ...length]), value])
  }
  let graph = Buffer.alloc(0)
  for (let level = 0; level < depth; level++) graph = Buffer.from(wrap(1, wrap(5, wrap(6, graph))))
  return Buffer.concat([Buffer.from([8, 8]), wrap(7, graph), wrap(8, Buffer.from([16, 17]))])
}
