import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readSafetensors, vectorOf, vectorTensor, writeSafetensors } from './safetensors.ts'

const file = (header: unknown, body = 0): Uint8Array => {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([prefix, text, Buffer.alloc(body)])
}

const tensor = (
  begin: number,
  end: number,
  shape: unknown = [(end - begin) / 4],
  dtype: unknown = 'F32',
) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
})

describe('safetensors', () => {
  it('reads what it writes, and writes aligned bytes that depend on the content alone', () => {
    const content = {
      metadata: { stamp: 'x', source: 'a test' },
      tensors: { scores: vectorTensor([1, -2.5, 0]), bias: vectorTensor([7]) },
    }
    const bytes = writeSafetensors(content)
    const read = readSafetensors(bytes)
    assert.deepEqual(read.metadata, content.metadata)
    assert.deepEqual([...vectorOf(read.tensors.scores, 'scores')], [1, -2.5, 0])
    assert.deepEqual([...vectorOf(read.tensors.bias, 'bias')], [7])
    assert.equal(Buffer.from(bytes).readBigUInt64LE() % 8n, 0n)
    const { scores, bias } = content.tensors
    assert.deepEqual(writeSafetensors({ ...content, tensors: { bias, scores } }), bytes)
  })

  it('reads from the middle of a larger buffer', () => {
    const bytes = writeSafetensors({ metadata: {}, tensors: { a: vectorTensor([3]) } })
    const inside = Buffer.concat([Buffer.from('odd'), bytes]).subarray(3)
    assert.deepEqual([...vectorOf(readSafetensors(inside).tensors.a, 'a')], [3])
  })

  const whole = writeSafetensors({ metadata: { a: 'b' }, tensors: { x: vectorTensor([1, 2]) } })
  const broken: Readonly<Record<string, readonly [Uint8Array, RegExp]>> = {
    'an empty file': [new Uint8Array(), /cannot hold a header/],
    'a header longer than the file': [file({}).subarray(0, 9), /the header ends at/],
    'an enormous header': [Buffer.alloc(8, 0xff), /a header of/],
    'a header that is no object': [file('[]'), /begin with/],
    'a header that is no JSON': [file('{"a":'), /not JSON/],
    'a header that is no UTF-8': [
      Buffer.concat([file('{"aa":1}').subarray(0, 10), Buffer.from([0xff, 0xff, 0x22, 0x3a, 0x31, 0x7d])]),
      /not JSON/,
    ],
    'metadata that is not text': [file({ __metadata__: { a: 1 } }), /more than text/],
    'an unknown type': [file({ a: tensor(0, 4, [1], 'constructor') }, 4), /the type/],
    'an entry that is null': [file({ a: null }), /the type/],
    'a negative shape': [file({ a: tensor(0, 4, [-1]) }, 4), /the shape/],
    'offsets the wrong way round': [file({ a: tensor(4, 0, [1]) }, 4), /the offsets/],
    'three offsets': [file({ a: { dtype: 'F32', shape: [1], data_offsets: [0, 4, 8] } }, 8), /the offsets/],
    'a shape of another size': [file({ a: tensor(0, 4, [2]) }, 4), /needs 8 bytes and has 4/],
    'a size beyond whole numbers': [file({ a: tensor(0, 4, [2 ** 40, 2 ** 40]) }, 4), /needs/],
    'a gap': [file({ a: tensor(0, 4), b: tensor(8, 12) }, 12), /begins at 8, where 4/],
    'an overlap': [file({ a: tensor(0, 8), b: tensor(4, 12) }, 12), /begins at 4, where 8/],
    'a tensor beyond the file': [file({ a: tensor(0, 8) }, 4), /end at 8, the file holds 4/],
    'bytes left over': [file({ a: tensor(0, 4) }, 5), /end at 4, the file holds 5/],
  }
  for (const [what, [bytes, message]] of Object.entries(broken)) {
    it(`refuses ${what}`, () => {
      assert.throws(() => readSafetensors(bytes), message)
    })
  }

  it('refuses a file that is cut at any place', () => {
    for (let length = 0; length < whole.length; length++) {
      assert.throws(() => readSafetensors(whole.subarray(0, length)), /not a safetensors file/, `${length}`)
    }
  })

  it('refuses vectors of another type or shape, and values that are not finite', () => {
    const read = (header: unknown, body: number) => readSafetensors(file(header, body)).tensors.a
    assert.throws(() => vectorOf(undefined, 'a'), /no tensor a/)
    assert.throws(() => vectorOf(read({ a: tensor(0, 4, [1], 'I32') }, 4), 'a'), /not a vector/)
    assert.throws(() => vectorOf(read({ a: tensor(0, 4, [1, 1]) }, 4), 'a'), /not a vector/)
    assert.throws(() => vectorOf(vectorTensor([1, Number.NaN]), 'a'), /not finite/)
  })
})
