import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { onnx } from '../../test/fixtures/model-files.ts'
import { mountPlace } from '../../test/fixtures/mount.ts'
import { fileOf } from '../../test/fixtures/store.ts'
import { totalSize } from '../model/index.ts'

const NEEDING = onnx({ initializers: [{ dims: [2], type: 1, location: 'weights.bin' }] })
const WHOLE = onnx({ initializers: [{ dims: [2], type: 1 }] })

test('a model with external data is copied although links were asked for, whatever it is called', async (t) => {
  for (const name of ['model.onnx', 'renamed.dat']) {
    const { store, target, version, pin } = await mountPlace(t)
    const delivery = await version({ [name]: NEEDING, 'weights.bin': 'weights!' })
    const { bytesCopied, warnings } = await pin(delivery, { link: true })
    assert.equal(bytesCopied, totalSize(delivery.version.files), name)
    assert.match(warnings.join(), new RegExp(`ONNX.*${name}`))
    const blob = store.blobs.path(fileOf(delivery.version, 'weights.bin').digest)
    assert.notEqual((await stat(join(target, 'weights.bin'))).ino, (await stat(blob)).ino)
  }
})

test('an ONNX model that holds all of its weights is linked, and what is only called so as well', async (t) => {
  for (const contents of [{ 'model.onnx': WHOLE }, { 'model.onnx': 'notes' }, { 'empty.onnx': '' }]) {
    const { version, pin } = await mountPlace(t)
    const { bytesCopied, warnings } = await pin(await version(contents), { link: true })
    assert.deepEqual([bytesCopied, warnings], [0, []])
  }
})
