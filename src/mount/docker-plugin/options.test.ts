import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isBallastError } from '../../core/index.ts'
import { parseVolumeOptions } from './options.ts'

test('a volume names a model, and is read-only and does not follow unless that is asked for', () => {
  assert.deepEqual(parseVolumeOptions({ ref: 'sentiment:prod' }), {
    ref: 'sentiment:prod',
    follow: false,
    rw: false,
  })
  assert.equal(parseVolumeOptions({ ref: 'a', follow: 'true', layout: 'flat', pull: 'never' }).follow, true)
  assert.equal(parseVolumeOptions({ ref: 'a', rw: 'true', follow: 'false', layout: 'default' }).rw, true)
})

const REFUSED: readonly (readonly [what: string, given: Readonly<Record<string, unknown>>, says: RegExp])[] =
  [
    ['an unknown option', { ref: 'a', model: 'a' }, /"model".*there are: ref, follow, rw, layout, pull/],
    ['no reference', {}, /names no model.*-o ref=/],
    ['an empty reference', { ref: '' }, /names no model/],
    ['a layout that does not exist', { ref: 'a', layout: 'triton' }, /"triton".*flat/],
    ['a switch that is neither', { ref: 'a', follow: 'yes' }, /follow=yes.*true, false/],
    ['a pull that is not possible yet', { ref: 'a', pull: 'always' }, /registries.*ballast add/],
    ['a pull that never is', { ref: 'a', pull: 'often' }, /often.*never/],
    ['writing and following', { ref: 'a', rw: 'true', follow: 'true' }, /exclude each other/],
  ]

for (const [what, given, says] of REFUSED) {
  test(`refused, with what there is: ${what}`, () => {
    assert.throws(
      () => parseVolumeOptions(given),
      (error) => isBallastError(error, 'USAGE') && says.test(`${error.message} ${error.hint}`),
    )
  })
}
