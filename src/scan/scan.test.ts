import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { after, test } from 'node:test'
import { deflateSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { gguf, safetensors, zip } from '../../test/fixtures/model-files.ts'
import { bytesContent } from '../core/index.ts'
import { randomAccess } from '../formats/index.ts'
import { createSpool, type FileScan, scanFile } from './index.ts'

const spool = createSpool(tmpdir())
after(() => spool.close())

const scan = (bytes: Uint8Array | string, path = 'model'): Promise<FileScan> => {
  const content = bytesContent(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  return scanFile(randomAccess(path, content), { spool })
}

const rulesOf = ({ findings }: FileScan): readonly string[] => findings.map(({ rule }) => rule)

const CALL = "cposix\nsystem\n(S'true'\ntR."
const HARMLESS = '\x80\x04\x8c\x0bcollections\x8c\x0bOrderedDict\x93)R.'

test('a pickle that calls a command is hostile, under any name and in any wrapping', async () => {
  const call = Buffer.from(CALL)
  for (const [bytes, path] of [
    [call, 'model.pkl'],
    [call, 'notes.txt'],
    [gzipSync(call), 'model.joblib'],
    [deflateSync(call), 'weights'],
    [zip({ 'archive/data.pkl': call }), 'model.pt'],
    [zip({ 'deep.zip': zip({ 'x/data.pkl': call }) }), 'model.zip'],
    [Buffer.concat([Buffer.from(HARMLESS, 'latin1'), call]), 'two.pkl'],
    [Buffer.from(`\x80\x02U\x05posixq\x00U\x06systemq\x01h\x00h\x01\x93(U\x04truetR.`, 'latin1'), 'memo.pkl'],
  ] as const) {
    const found = await scan(bytes, path)
    assert.equal(found.verdict, 'hostile', path)
    assert.match(JSON.stringify(found.findings), /posix\.system/, path)
  }
})

test('what cannot be told before it is loaded is hostile', async () => {
  for (const [pickle, rule] of [
    ['\x80\x02\x82\x01)R.', 'extension'],
    ['\x80\x04\x8c\x02os\x8c\x06systemccopyreg\n_reconstructor\n)R\x93)R.', 'unresolved'],
    ['Pelsewhere\n.', 'malformed'],
    ['\x80\x04\x8c\x02os\x8c\x06system\x93', 'malformed'],
    [`${HARMLESS}behind it`, 'trailing'],
    ['\x80\x04csklearn.svm._classes\nSVC\n}b.', 'change'],
    ['\x80\x04cbuiltins\ngetattr\ncbuiltins\nobject\n\x8c\x0e__subclasses__\x86R.', 'unresolved'],
  ] as const) {
    const found = await scan(pickle, 'model.pkl')
    assert.equal(found.verdict, 'hostile', JSON.stringify(pickle))
    assert.ok(rulesOf(found).includes(rule), `${JSON.stringify(pickle)}: ${rulesOf(found)}`)
  }
})

test('what plain pickle would run of an array of joblib is found, whatever joblib makes of it', async () => {
  const text = (value: string): string => `\x8c${String.fromCharCode(value.length)}${value}`
  const dtype = `cnumpy\ndtype\n(${text('u1')}\x89\x88tR(K\x03${text('|')}NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb`
  const arrayOf = (bytes: string): string =>
    '\x80\x02cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(' +
    `${text('subclass')}cnumpy\nndarray\n${text('shape')}K${String.fromCharCode(bytes.length)}\x85${text('order')}${text('C')}` +
    `${text('dtype')}${dtype}${text('allow_mmap')}\x89ub${bytes}.`
  assert.equal((await scan(arrayOf('\x00\x01\x02\x03'), 'a.joblib')).verdict, 'executable')
  const hidden = await scan(arrayOf(CALL), 'a.joblib')
  assert.equal(hidden.verdict, 'hostile')
  assert.match(JSON.stringify(hidden.findings), /posix\.system/)
})

test('a pickle of known and harmless things is executable, and no more', async () => {
  assert.deepEqual(await scan(HARMLESS, 'model.pkl').then(({ verdict, format }) => [verdict, format]), [
    'executable',
    'pickle',
  ])
})

test('what would fill the memory, or take for ever, is not followed', async () => {
  const large = 3_100_000
  for (const [opcodes, path] of [
    [Buffer.alloc(2 * large, 'K\x01'), 'stack.pkl'],
    [Buffer.alloc(large, '('), 'marks.pkl'],
  ] as const) {
    const found = await scan(
      Buffer.concat([Buffer.from('\x80\x04', 'latin1'), opcodes, Buffer.from('N.')]),
      path,
    )
    assert.equal(found.verdict, 'unreadable', path)
  }
  // Names, opcodes and spaces without end, where an expression could try each way to split them.
  for (const text of [
    `c${'a.'.repeat(20_000)}\n${' '.repeat(20_000)}\nR.`,
    `\x93NUMPY\x01\x00\xff\xf0{'descr': ${' '.repeat(61_000)}`,
  ]) {
    const before = process.cpuUsage()
    await scan(text, 'model.pkl')
    assert.ok(process.cpuUsage(before).user < 3_000_000)
  }
})

test('formats without code are clean, and hostile where they are malformed', async () => {
  const good = safetensors({ a: { dtype: 'F32', shape: [2] } })
  assert.equal((await scan(good, 'model.safetensors')).verdict, 'clean')
  assert.equal((await scan(good.subarray(0, good.length - 1), 'model.safetensors')).verdict, 'hostile')
  const twice = Buffer.from(
    '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
  )
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(twice.length))
  assert.equal(
    (await scan(Buffer.concat([length, twice, Buffer.alloc(1)]), 'x.safetensors')).verdict,
    'hostile',
  )
  assert.equal((await scan('plain text', 'notes.txt')).verdict, 'clean')
  assert.equal(
    (await scan('{"chat_template": "{{ messages[0].content }}"}', 'tokenizer_config.json')).verdict,
    'clean',
  )
  const escaping = '{"chat_template": "{{ x.__class__.__mro__ }}"}'
  assert.equal((await scan(escaping, 'tokenizer_config.json')).verdict, 'hostile')
})

test('no bytes make it throw', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 300 }),
      fc.constantFrom('a', 'a.pkl', 'a.onnx', 'a.pb', 'a.npy'),
      async (bytes, path) => {
        await scan(bytes, path)
      },
    ),
    { numRuns: 300 },
  )
})

test('a pickle of any opcodes in any order does not make it throw, and never passes for clean', async () => {
  const opcode = fc.oneof(
    fc.constantFrom(...'(.012NQRabdeol]}tu)su'.split('')),
    fc.constantFrom(
      'cos\nsystem\n',
      'ios\nsystem\n',
      "S'a'\n",
      'Va\n',
      'I1\n',
      'p0\n',
      'g0\n',
      'q\x00',
      'h\x00',
    ),
    fc.constantFrom('\x81', '\x85', '\x86', '\x87', '\x88', '\x8f', '\x90', '\x91', '\x92', '\x93', '\x94'),
    fc.constantFrom('\x8c\x02os', '\x8c\x06system', 'K\x01', 'C\x01a', 'U\x01a', '\x8a\x01\x01', '\x82\x01'),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(opcode, { maxLength: 40 }), async (opcodes) => {
      const found = await scan(`\x80\x04${opcodes.join('')}.`, 'model.pkl')
      assert.notEqual(found.verdict, 'clean')
      if (opcodes.includes('cos\nsystem\n')) assert.equal(found.verdict, 'hostile')
    }),
    { numRuns: 500 },
  )
})

test('a GGUF that claims more than it has room for is hostile', async () => {
  const good = gguf({ architecture: 'llama', tensors: [{ shape: [4], type: 0 }] })
  const absurd = Buffer.from(good)
  absurd.writeBigUInt64LE(1n << 40n, 8)
  assert.equal((await scan(absurd, 'model.gguf')).verdict, 'hostile')
})
