import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { torchZip } from '../../test/fixtures/model-files.ts'
import { isPickle } from './hazards.ts'

const PICKLE = Buffer.from([0x80, 4, 0x95])
const ZIP = Buffer.from('PK\u0003\u0004')
const OTHER = Buffer.from('{"a":1}')

test('files with the names of pickles are pickles, whatever they hold', () => {
  for (const name of ['model.pkl', 'model.pickle', 'a/b/model.joblib', 'MODEL.PKL', 'x.dill']) {
    assert.equal(isPickle(name, OTHER), true, name)
  }
})

test('pickled bytes are noticed under any name', () => {
  assert.equal(isPickle('weights', PICKLE), true)
  assert.equal(isPickle('pytorch_model.bin', PICKLE), true)
})

test("torch's zip files hold pickles", () => {
  for (const name of ['model.pt', 'model.pth', 'model.ckpt', 'pytorch_model.bin']) {
    assert.equal(isPickle(name, ZIP), true, name)
  }
})

test('formats that only hold data are no pickles', () => {
  for (const name of ['model.safetensors', 'model.onnx', 'model.gguf', 'config.json', 'weights.bin']) {
    assert.equal(isPickle(name, OTHER), false, name)
  }
  assert.equal(isPickle('archive.zip', ZIP), false)
  assert.equal(isPickle('empty', Buffer.alloc(0)), false)
  assert.equal(isPickle('short', Buffer.from([0x80])), false)
})

test('pickles of the oldest protocols, compressed ones and renamed zips of torch are noticed', () => {
  const call = Buffer.from('cposix\nsystem\n(Vtrue\ntR.')
  assert.equal(isPickle('notes.txt', call), true)
  assert.equal(isPickle('notes.gz', gzipSync(call)), true)
  assert.equal(isPickle('weights.dat', torchZip([['FloatStorage', 4]])), true)
  assert.equal(isPickle('notes.txt', Buffer.from('class A:\n  pass\n')), false)
  assert.equal(isPickle('notes.gz', gzipSync('class A:\n  pass\n')), false)
})
