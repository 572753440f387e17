import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAppFile } from '../model/index.ts'
import { reloadsOf } from './mount-reload-declared.ts'

const FILE = `apps:
  api:
    image: my_api
    models: [{ ref: "sentiment:prod", path: /app/models }]
    reload: { restart: true }
  batch:
    models: [{ ref: "sentiment:prod", path: /models }, { ref: faces, path: /faces }]
    reload: { command: ./told, ready: "file:./ready" }
  silent:
    models: [{ ref: "sentiment:prod", path: /models }]
`

async function apps(ref: string, target: string, more = ''): Promise<readonly string[]> {
  const file = await parseAppFile(`${FILE}${more}`, 'ballast.yaml')
  return reloadsOf(file, { ref, target, directory: '/srv' }).map(({ app }) => app)
}

test('every application that uses the model and says how is told', async () => {
  assert.deepEqual(await apps('sentiment:prod', './models'), ['api', 'batch'])
  assert.deepEqual(await apps('faces:latest', './faces'), ['batch'])
  assert.deepEqual(await apps('sentiment:canary', './models'), [])
})

test('where the file names the places of a model, others are not of its applications', async () => {
  const places = `targets:
  - { ref: "sentiment:prod", to: ./models }
  - { ref: "sentiment:prod", to: "volume:ml" }
`
  assert.deepEqual(await apps('sentiment:prod', './models', places), ['api', 'batch'])
  assert.deepEqual(await apps('sentiment:prod', '/srv/models/', places), ['api', 'batch'])
  assert.deepEqual(await apps('sentiment:prod', 'volume:ml', places), ['api', 'batch'])
  assert.deepEqual(await apps('sentiment:prod', './elsewhere', places), [])
  assert.deepEqual(await apps('sentiment:prod', 'volume:other', places), [])
})

test('a restart is for the containers of an image, so there has to be one', async () => {
  const file = await parseAppFile(
    'apps: { api: { models: [{ ref: a, path: /m }], reload: { restart: true } } }',
    'ballast.yaml',
  )
  assert.throws(() => reloadsOf(file, { ref: 'a', target: './m', directory: '.' }), { code: 'USAGE' })
})
