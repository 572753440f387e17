import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { after, test } from 'node:test'
import { zstdCompressSync } from 'node:zlib'
import { zip } from '../../test/fixtures/model-files.ts'
import { bytesContent } from '../core/index.ts'
import { randomAccess } from '../formats/index.ts'
import { createSpool, type FileScan, scanFile } from './index.ts'

const spool = createSpool(tmpdir())
after(() => spool.close())

const scan = (bytes: Uint8Array | string, path = 'model.pkl'): Promise<FileScan> => {
  const content = bytesContent(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  return scanFile(randomAccess(path, content), { spool })
}

const isRefused = async (bytes: Uint8Array | string, path: string, what: string): Promise<void> => {
  const { verdict } = await scan(bytes, path)
  assert.ok(verdict === 'hostile' || verdict === 'unreadable', `${what}: ${verdict}`)
}

const CALL = "cposix\nsystem\n(S'true'\ntR."
const text = (value: string): string => `\x8c${String.fromCharCode(value.length)}${value}`
const bytes = (value: string): string => `C${String.fromCharCode(value.length)}${value}`
const namespace = (state: string): string => `\x80\x04cargparse\nNamespace\n)\x81${state}`
const LOAD = 'ctorch.storage\n_load_from_bytes\n'
/** Of no form that is looked for in bytes. */
const SECOND = bytes(`N0${CALL}`)

test('what pickle calls by its name in an object is not put there', async () => {
  for (const [what, pickle] of Object.entries({
    append: `${namespace(`}${text('append')}${LOAD}sb`)}${SECOND}a.`,
    extend: `${namespace(`}${text('extend')}${LOAD}sb`)}(${SECOND}e.`,
    add: `${namespace(`}${text('add')}${LOAD}sb`)}(${SECOND}\x90.`,
    setstate: `${namespace(`}${text('__setstate__')}${LOAD}sb`)}${SECOND}b.`,
    'a class of its own': `${namespace(`}${text('append')}cultralytics.nn.tasks\nDetectionModel\nsb`)}}a.`,
    'a dictionary with attributes': `\x80\x04csklearn.utils._bunch\nBunch\n)R${text('append')}cultralytics.nn.tasks\nDetectionModel\ns}a.`,
    'what is elsewhere': `\x80\x04(${text('storage')}ctorch\nFloatStorage\n${text('0')}${text('cpu')}K\x01tQ}${text('append')}cultralytics.nn.tasks\nDetectionModel\nsb}a.`,
    'what is given back': `${namespace(`}${text('__setstate__')}cultralytics.nn.tasks\nDetectionModel\nsb`)}q\x000ctorch.jit._pickle\nrestore_type_tag\nh\x00N\x86R}b.`,
    'from the memo': `${LOAD}q\x000${namespace(`}${text('append')}h\x00sb`)}N.`,
    'in a list': `\x80\x04](cbuiltins\ngetattr\ne.`,
    'in a state': `\x80\x04csklearn.svm._classes\nSVC\n)\x81}${text('kernel')}cbuiltins\ngetattr\nsb.`,
  }))
    await isRefused(pickle, 'model.pkl', what)
})

test('functions that call their arguments call none but their own', async () => {
  for (const [what, pickle] of Object.entries({
    generator: `\x80\x04cnumpy.random._pickle\n__generator_ctor\n${SECOND}${LOAD}\x86R.`,
    'generator of a class': `\x80\x04cnumpy.random._pickle\n__randomstate_ctor\n}cultralytics.nn.tasks\nDetectionModel\n\x86R.`,
    dill: `\x80\x04cdill._dill\n_create_array\n(ctypes\nSimpleNamespace\n}\x85NtR.`,
    tensor: `\x80\x04ctorch._tensor\n_rebuild_from_type_v2\n(ctypes\nSimpleNamespace\nctorch\nTensor\n}\x85NtR.`,
    'a new object of an object': `${namespace(`}${text('__new__')}ctorch\nTensor\nsb`)}0csklearn.metrics._dist_metrics\nnewObj\nN\x85R.`,
    metaclass: `\x80\x04csklearn.base\nABCMeta\n(${text('A')}cbuiltins\nobject\n\x85}t\x81.`,
  }))
    await isRefused(pickle, 'model.pkl', what)
})

test('a line ends where it ends, whatever is in it', async () => {
  const filling = `${CALL.slice(0, -1)}0`.padEnd(98 + CALL.length, 'N')
  const pickle = `V\xff\nKC${filling}N.`
  const { findings, verdict } = await scan(pickle)
  assert.equal(verdict, 'hostile')
  assert.match(JSON.stringify(findings), /posix\.system/)
  assert.equal((await scan('(lp0\nV\xff\np1\na.')).verdict, 'executable')
})

test('bytes that are changed after they were looked at are no model', async () => {
  const model = zip({ 'a/data.pkl': Buffer.from('\x80\x02N.', 'latin1') }).toString('latin1')
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(model.length))
  await isRefused(
    `\x80\x05\x96${length.toString('latin1')}${model}q\x00(K\x01e0B\x00\x00\x02\x00${'x'.repeat(128 * 1024)}0${LOAD}h\x00\x85R.`,
    'model.pkl',
    'a bytearray that grows',
  )
})

test('a state whose names are made while it is loaded hides nothing', async () => {
  const hidden = (name: string): string => `V${name.replace('_', '\\U0000005f')}\n`
  await isRefused(
    `\x80\x04cscipy.stats._continuous_distns\nnorm_gen\n)\x81}${hidden('_parse_arg_template')}${text('import os')}sb.`,
    'model.pkl',
    'a template of scipy',
  )
  await isRefused(
    `\x80\x04cargparse\nNamespace\n)\x81N}${text('__class__')}cjoblib.numpy_pickle\nNumpyArrayWrapper\ns\x86b.`,
    'model.joblib',
    'another class',
  )
  await isRefused(
    `\x80\x04cargparse\nNamespace\n)\x81N}${hidden('__class__')}cjoblib.numpy_pickle\nNumpyArrayWrapper\ns\x86b.`,
    'model.joblib',
    'another class by a hidden name',
  )
})

/** An array of joblib, whose bytes are passed over by those who know it as one. */
const arrayOf = (options: {
  readonly make?: string
  readonly type?: string
  readonly size?: string
  readonly flags?: string
  readonly data: string
  readonly rest: string
}): string => {
  const { make = 'cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81', type = 'u1', data, rest } = options
  const { size = 'J\xff\xff\xff\xff', flags = 'K\x00' } = options
  const dtype = `cnumpy\ndtype\n(${text(type)}\x89\x88tR(K\x03${text('|')}NNN${size}J\xff\xff\xff\xff${flags}tb`
  return (
    `\x80\x04${make}}(` +
    `${text('subclass')}cnumpy\nndarray\n${text('shape')}K${String.fromCharCode(data.length)}\x85` +
    `${text('order')}${text('C')}${text('dtype')}${dtype}${text('allow_mmap')}\x89ub${data}${rest}`
  )
}

test('an array of joblib is one however it is made, and of the type that its state says', async () => {
  const behind = `N0${CALL}`
  const swallowing = `C${String.fromCharCode(behind.length)}`
  const wrapper = 'cjoblib.numpy_pickle\nNumpyArrayWrapper\n'
  assert.equal((await scan(arrayOf({ data: 'abcd', rest: '.' }), 'a.joblib')).verdict, 'executable')
  for (const [what, pickle] of Object.entries({
    'by a function of Cython': arrayOf({
      make: `csklearn.metrics._dist_metrics\nnewObj\n${wrapper}\x85R`,
      data: swallowing,
      rest: `${behind}0N.`,
    }),
    'by a function for masks': arrayOf({
      make: `cnumpy.ma.core\n_mareconstruct\n(${wrapper}cnumpy\nndarray\nK\x00\x85${text('b')}tR`,
      data: swallowing,
      rest: `${behind}0N.`,
    }),
    'larger than its name': arrayOf({
      type: 'V1',
      size: 'K\x03',
      data: '!',
      rest: `${swallowing}${behind}0N.`,
    }),
    'of objects': arrayOf({ flags: 'K\x3f', data: 'N.', rest: '.' }),
    'of another size on another system': arrayOf({
      type: 'l',
      data: 'abcdefgh',
      rest: `${'a'.repeat(24)}${behind.padEnd(32, '.')}.`,
    }),
    'of a size in letters': arrayOf({ size: 'L8L\n', data: 'N.', rest: '.' }),
  }))
    await isRefused(pickle, 'model.joblib', what)
})

const npy = (header: string, data: string): Buffer => {
  const start = Buffer.from('\x93NUMPY\x01\x00\x00\x00', 'latin1')
  start.writeUInt16LE(header.length, 8)
  return Buffer.concat([start, Buffer.from(header + data, 'latin1')])
}

test('the header of an array is read as Python reads it', async () => {
  const harmless = "'fortran_order': False, 'shape': (1,)"
  for (const [what, header] of Object.entries({
    plain: `{'descr': '<f8', ${harmless}, }\n`,
    'other order': `{${harmless}, 'descr': '<f8'}`,
    fields: `{'descr': [('a', '<f4'), ('t', '<M8[ns]', (1,))], ${harmless}, }\n`,
  })) {
    const data = what === 'fields' ? 'x'.repeat(12) : '12345678'
    assert.equal((await scan(npy(header, data), 'a.npy')).verdict, 'clean', what)
  }
  for (const [what, header] of Object.entries({
    'a later key': `{'descr': '<f8', ${harmless}, 'de' 'scr': '|O'}`,
    'a comment': `{#'descr': '<f8', ${harmless}\n'd' 'escr': '|O', ${harmless}}`,
    'the name of a field': `{'d' 'escr': [("'descr': '<f8', ${harmless}", '|O')], ${harmless}}`,
    'quotes of two kinds': `{'descr': [("a', '<f4'), ('b", '|O')], ${harmless}}`,
  }))
    await isRefused(npy(header, `N0${CALL}`), 'a.npy', what)
  await isRefused(
    npy(`{'descr': '<l', ${harmless}, }\n`, '12345678'),
    'a.npy',
    'of another size on another system',
  )
  await isRefused(npy(`{'descr': '<f8', ${harmless}, }\n`, `12345678N0${CALL}`), 'a.npy', 'behind the array')
})

test('a configuration is read in each encoding and spelling in which Python reads it', async () => {
  const config = '{"module": "keras.layers", "class_name": "Lambda", "config": {"a": 1}}'
  const utf32 = Buffer.concat([...config].map((letter) => Buffer.from([letter.charCodeAt(0), 0, 0, 0])))
  for (const [what, content] of Object.entries({
    'UTF-16': Buffer.from(config, 'utf16le'),
    'UTF-16 with a mark': Buffer.from(`\ufeff${config}`, 'utf16le'),
    'UTF-16, large first': Buffer.from(config, 'utf16le').swap16(),
    'UTF-32': utf32,
    'UTF-32, large first': Buffer.from(utf32).swap32(),
  }))
    await isRefused(zip({ 'config.json': content, 'metadata.json': Buffer.from('{}') }), 'm.keras', what)
  const skops = '{"a": NaN, "__loader__": "ObjectNode", "__class__": "system", "__module__": "os"}'
  await isRefused(skops, 'schema.json', 'a number that is none')
  await isRefused(
    Buffer.concat([Buffer.alloc(64 * 1024 ** 2, ' '), Buffer.from(config)]),
    'config.json',
    'long',
  )
})

test('what is a file of one format may be one of another too', async () => {
  const evil = Buffer.from(CALL)
  // A graph of TensorFlow whose first field, of no meaning, is the head of an empty tar.
  const operation = Buffer.from('\x0a\x0b\x12\x09WriteFile', 'latin1')
  const head = Buffer.alloc(1536)
  Buffer.from('\xfa\x07\xfd\x0b', 'latin1').copy(head)
  Buffer.from('0000000\x000000000\x000000000\x0000000000000\x0000000000000\x00', 'latin1').copy(head, 100)
  Buffer.from('        0', 'latin1').copy(head, 148)
  Buffer.from('ustar\x0000', 'latin1').copy(head, 257)
  head.writeUInt8(0x80 | (1532 & 0x7f), 2)
  head.writeUInt8(1532 >> 7, 3)
  const sum = head.subarray(0, 512).reduce((all, byte) => all + byte, 0)
  Buffer.from(`${sum.toString(8).padStart(6, '0')}\0 `, 'latin1').copy(head, 148)
  await isRefused(Buffer.concat([head, operation]), 'graph.pb', 'a tar and a graph')
  const far = Buffer.concat([
    Buffer.alloc(128 * 1024),
    Buffer.from('\x89HDF\r\n\x1a\n', 'latin1'),
    Buffer.from('{"class_name": "Lambda", "config": {}}'),
  ])
  await isRefused(far, 'model', 'HDF5 far behind')
  await isRefused(`N.${CALL}`, 'model.bin', 'a second pickle behind a short one')
  const skipped = Buffer.from('502a4d1803000000787878', 'hex')
  await isRefused(
    Buffer.concat([skipped, zstdCompressSync(evil)]),
    'model.pkl.zst',
    'a frame that is skipped',
  )
  const first = zstdCompressSync(Buffer.from('N'))
  await isRefused(
    Buffer.concat([first, zstdCompressSync(Buffer.from(`0${CALL}`))]),
    'model.zst',
    'two frames',
  )
  await isRefused('compressed in a way that nobody knows', 'model.pkl.xz', 'compressed by name')
})

/** As it was before POSIX, without a mark. */
const oldTar = (name: string, checksum: (header: Buffer) => string): Buffer => {
  const header = Buffer.alloc(512)
  header.write(name, 0, 'latin1')
  header.write('0000644\x000000000\x000000000\x00', 100, 'latin1')
  header.write(`${CALL.length.toString(8).padStart(11, '0')}\x0000000000000\x00        0`, 124, 'latin1')
  header.write(checksum(header), 148, 'latin1')
  return Buffer.concat([header, Buffer.from(CALL.padEnd(512, '\0')), Buffer.alloc(1024)])
}

test('an archive of tar is one however its checksum is made and written', async () => {
  const sum = (header: Buffer): number => header.reduce((all, byte) => all + byte, 0)
  const signed = (header: Buffer): number => new Int8Array(header).reduce((all, byte) => all + byte, 0)
  const octal = (value: number): string => value.toString(8).padStart(6, '0')
  for (const [what, bytes] of Object.entries({
    usual: oldTar('data.pkl', (header) => `${octal(sum(header))}\0 `),
    'of signed bytes': oldTar('\xe4.pkl', (header) => `${octal(signed(header))}\0 `),
    'with a sign': oldTar('data.pkl', (header) => `+${sum(header).toString(8)}\0x`),
    'with a prefix': oldTar('data.pkl', (header) => `0o${sum(header).toString(8)}\0`.padEnd(8)),
    'of a file without a name': oldTar('', (header) => `${octal(sum(header))}\0 `),
  }))
    await isRefused(bytes, 'weights.bin', what)
})
