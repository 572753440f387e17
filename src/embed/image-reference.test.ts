import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isBallastError } from '../core/index.ts'
import { formatImageReference, parseImageReference } from './image-reference.ts'

const IMAGES: readonly (readonly [string, object])[] = [
  ['localhost:5000/app:v1', { kind: 'registry', host: 'localhost:5000', name: 'app', reference: 'v1' }],
  ['my_ml_app:latest', { kind: 'engine', name: 'my_ml_app', reference: 'latest' }],
  ['team/app:v1', { kind: 'engine', name: 'team/app', reference: 'v1' }],
  ['oci:dir', { kind: 'layout', path: 'dir', reference: '' }],
  ['oci:dir:v1', { kind: 'layout', path: 'dir', reference: 'v1' }],
  ['archive:app.tar', { kind: 'archive', path: 'app.tar', reference: '' }],
  ['archive:/a/b.c/app.tar:v1', { kind: 'archive', path: '/a/b.c/app.tar', reference: 'v1' }],
  ['archive:app.tar:app:v1', { kind: 'archive', path: 'app.tar', reference: 'app:v1' }],
  [
    'archive:./app.tar:localhost:5000/team/app:v1',
    { kind: 'archive', path: './app.tar', reference: 'localhost:5000/team/app:v1' },
  ],
]

for (const [text, image] of IMAGES) {
  test(`${text} is an image, written as it was`, () => {
    assert.deepEqual(parseImageReference(text), image)
    assert.equal(formatImageReference(parseImageReference(text)), text)
  })
}

test('an image of the Engine may be written without a tag, and as where a plain name is a model', () => {
  const image = { kind: 'engine', name: 'my_ml_app', reference: 'latest' }
  assert.deepEqual(parseImageReference('my_ml_app'), image)
  assert.deepEqual(parseImageReference('image:my_ml_app:latest'), image)
})

test('what Docker takes for no name is told how names are', () => {
  for (const text of ['My_App', 'app:', 'app:v 1', 'image:app:v1:/app/models', 'app@sha256:12']) {
    assert.throws(
      () => parseImageReference(text),
      (error) => isBallastError(error, 'USAGE'),
      text,
    )
  }
})

test('what names no archive is told how to', () => {
  for (const text of [
    'archive:app.tar:',
    'archive::v1',
    'archive:app.tar:a b',
    'archive:app.tar:\u001b[2J',
  ]) {
    assert.throws(
      () => parseImageReference(text),
      (error) => isBallastError(error, 'USAGE') && /archive:FILE/.test(error.hint ?? ''),
      text,
    )
  }
})
