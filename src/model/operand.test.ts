import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Operand, parseOperand, splitImageAndPath, splitNameAndPath } from './operand.ts'

const OPERANDS: readonly (readonly [string, Operand])[] = [
  ['sentiment', { kind: 'name', text: 'sentiment' }],
  ['sentiment:prod', { kind: 'name', text: 'sentiment:prod' }],
  ['team/sentiment:3', { kind: 'name', text: 'team/sentiment:3' }],
  ['python.org', { kind: 'name', text: 'python.org' }],
  ['.', { kind: 'path', path: '.' }],
  ['..', { kind: 'path', path: '..' }],
  ['./models', { kind: 'path', path: './models' }],
  ['../models', { kind: 'path', path: '../models' }],
  ['/srv/models', { kind: 'path', path: '/srv/models' }],
  ['~/models', { kind: 'path', path: '~/models' }],
  ['oci:dir', { kind: 'layout', path: 'dir', tag: undefined }],
  ['oci:dir:tag', { kind: 'layout', path: 'dir', tag: 'tag' }],
  ['oci:/a/b.c/dir:1.0', { kind: 'layout', path: '/a/b.c/dir', tag: '1.0' }],
  ['oci:./odd:name/dir', { kind: 'layout', path: './odd:name/dir', tag: undefined }],
  ['oci:5000/app', { kind: 'registry', host: 'oci:5000', rest: 'app' }],
  ['archive:out.tar', { kind: 'archive', text: 'out.tar' }],
  ['volume:models', { kind: 'volume', text: 'models' }],
  ['container:api:/app/models', { kind: 'container', text: 'api:/app/models' }],
  ['image:app:1', { kind: 'image', text: 'app:1' }],
  ['localhost/app', { kind: 'registry', host: 'localhost', rest: 'app' }],
  ['localhost:5000/team/app:1', { kind: 'registry', host: 'localhost:5000', rest: 'team/app:1' }],
  ['registry.example.com/app', { kind: 'registry', host: 'registry.example.com', rest: 'app' }],
  ['10.0.0.1:5000/app', { kind: 'registry', host: '10.0.0.1:5000', rest: 'app' }],
  ['[::1]:5000/app', { kind: 'registry', host: '[::1]:5000', rest: 'app' }],
  ['registry/app', { kind: 'name', text: 'registry/app' }],
  ['s3://bucket/key', { kind: 'source', text: 's3://bucket/key' }],
  ['gs://bucket/key', { kind: 'source', text: 'gs://bucket/key' }],
  ['az://container/key', { kind: 'source', text: 'az://container/key' }],
  ['hf://org/model@main', { kind: 'source', text: 'hf://org/model@main' }],
  ['https://host/model.bin', { kind: 'source', text: 'https://host/model.bin' }],
]

for (const [text, operand] of OPERANDS) {
  test(`${text} is a ${operand.kind}`, () => {
    assert.deepEqual(parseOperand(text), operand)
  })
}

test('an empty operand is refused', () => {
  assert.throws(() => parseOperand(''), { code: 'USAGE' })
})

const PATHS: readonly (readonly [string, typeof splitNameAndPath, string, string])[] = [
  ['models', splitNameAndPath, 'models', ''],
  ['api:/app/models/', splitNameAndPath, 'api', '/app/models'],
  ['models:weights/./a', splitNameAndPath, 'models', '/weights/a'],
  ['app', splitImageAndPath, 'app', ''],
  ['app:v1', splitImageAndPath, 'app:v1', ''],
  ['app:v1:/app/models', splitImageAndPath, 'app:v1', '/app/models'],
  ['localhost:5000/app:v1:/app//models', splitImageAndPath, 'localhost:5000/app:v1', '/app/models'],
  ['oci:/srv/image', splitImageAndPath, 'oci:/srv/image', ''],
  ['oci:/srv/image:v1:/app', splitImageAndPath, 'oci:/srv/image:v1', '/app'],
  ['archive:/srv/image.tar', splitImageAndPath, 'archive:/srv/image.tar', ''],
  ['archive:/srv/image.tar:/app', splitImageAndPath, 'archive:/srv/image.tar', '/app'],
]
for (const [text, split, name, path] of PATHS) {
  test(`${text} is ${name} and ${path === '' ? 'no path' : path}`, () => {
    assert.deepEqual(split(text), { name, path })
  })
}
