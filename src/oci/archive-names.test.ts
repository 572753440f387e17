import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isBallastError } from '../core/index.ts'
import { chooseImage, fullName, imageNameFrom, parseImageName } from './archive-names.ts'

const NAMES: readonly (readonly [string, string | undefined])[] = [
  ['app:v1', 'docker.io/library/app:v1'],
  ['team/app:v1', 'docker.io/team/app:v1'],
  ['team/app', 'docker.io/team/app:latest'],
  ['localhost/app:v1', 'localhost/app:v1'],
  ['localhost:5000/team/app:v1', 'localhost:5000/team/app:v1'],
  ['registry.example.com/my__app:1.0-rc', 'registry.example.com/my__app:1.0-rc'],
  ['[::1]:5000/app:v1', '[::1]:5000/app:v1'],
  ['app', undefined],
  ['App:v1', undefined],
  ['app:', undefined],
  ['../app:v1', undefined],
  ['app@sha256:00', undefined],
  ['app:v 1', undefined],
]

for (const [text, full] of NAMES) {
  test(`${text} is ${full ?? 'no name of an image'}`, () => {
    const name = parseImageName(text)
    assert.equal(name && fullName(name), full)
  })
}

test('names of files become names of images', () => {
  for (const text of ['My App (2).tar', '模型', '--x__', 'a'.repeat(300)]) {
    assert.ok(parseImageName(`${imageNameFrom(text)}:v1`), text)
  }
  assert.equal(imageNameFrom('My App (2)'), 'my-app-2')
})

const [one, two, three] = [
  { names: ['localhost:5000/team/app:v1', 'app:stable'] },
  { names: ['db:v1'] },
  { names: [] },
]
const choose = (images: readonly { names: readonly string[] }[], reference: string) =>
  chooseImage(images, { reference, archive: 'archive:all.tar' })

test('an image is meant by its name, the end of its name, or its tag', () => {
  const meant = [
    ['localhost:5000/team/app:v1', one, 'localhost:5000/team/app:v1'],
    ['team/app:v1', one, 'localhost:5000/team/app:v1'],
    ['app:v1', one, 'localhost:5000/team/app:v1'],
    ['stable', one, 'app:stable'],
    ['db:v1', two, 'db:v1'],
  ] as const
  for (const [reference, image, name] of meant) {
    assert.deepEqual(choose([one, two, three], reference), { image, name }, reference)
  }
  for (const nothing of ['app', 'v2', 'pp:v1', 'db:v2']) {
    assert.equal(choose([one, two, three], nothing), undefined, nothing)
  }
  assert.deepEqual(choose([three], ''), { image: three, name: '' })
  assert.equal(choose([], ''), undefined)
})

test('where several are meant they are listed', () => {
  for (const reference of ['', 'v1']) {
    assert.throws(
      () => choose([one, two], reference),
      (error) => isBallastError(error, 'REFUSED') && /team\/app:v1.*db:v1/.test(error.hint ?? ''),
    )
  }
})
