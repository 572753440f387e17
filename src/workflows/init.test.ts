import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { parse } from 'yaml'
import { missingParts } from '../../test/fixtures/parts.ts'
import { type Contents, temporaryDirectory, writeFiles } from '../../test/fixtures/temporary.ts'
import { parseAppFile } from '../model/index.ts'
import { type InitRequest, init } from './init.ts'

const DOCKERFILE =
  'FROM python:3.12\nWORKDIR /app\nCOPY serve.py ./\nCOPY models/ /app/models/\nEXPOSE 8000\n'
const COMPOSE = `services:
  cache:
    image: redis
  api:
    build: .
    image: my_ml_app:latest
    ports: ["8000:8000"]
    volumes:
      - ./models:/app/models
`
const SERVE = 'import joblib\nmodel = joblib.load("/app/models/sentiment_model.pkl")\n'

async function application(t: TestContext, contents: Contents): Promise<string> {
  return writeFiles(join(await temporaryDirectory(t), 'my_ml_app'), contents)
}

const look = (directory: string, request: Partial<InitRequest> = {}) =>
  init({ directory, engine: { dockerConfig: '/nonexistent' }, ...request })

const read = (directory: string, name: string): Promise<string> => readFile(join(directory, name), 'utf8')

test('an application that copies its model gets ballast.yaml, a Compose file of its own, and is told what to delete', async (t) => {
  const directory = await application(t, {
    Dockerfile: DOCKERFILE,
    'serve.py': SERVE,
    'models/sentiment_model.pkl': 'x',
  })
  const result = await look(directory)
  assert.deepEqual(result.app, {
    name: 'my-ml-app',
    image: 'my-ml-app:latest',
    ref: 'sentiment:prod',
    path: '/app/models',
  })
  assert.deepEqual(result.written, ['ballast.yaml', 'compose.ballast.yaml'])
  assert.match(result.next[0] ?? '', /delete the line `COPY models\/ \/app\/models\/`/)
  assert.equal(result.next[1], 'ballast add sentiment:prod ./models')
  const { apps } = await parseAppFile(await read(directory, 'ballast.yaml'), 'ballast.yaml')
  assert.deepEqual(apps[0]?.models, [{ ref: 'sentiment:prod', path: '/app/models' }])
  assert.equal(apps[0]?.image, 'my-ml-app:latest')
  const compose = parse(await read(directory, 'compose.ballast.yaml'))
  assert.deepEqual(compose.volumes, {
    sentiment_model: { driver: 'ballast', driver_opts: { ref: 'sentiment:prod' } },
  })
  assert.deepEqual(compose.services['my-ml-app'].ports, ['8000:8000'])
  assert.equal(compose.services['my-ml-app'].build, '.')
})

test('beside a Compose file there is one that adds to it: the volume in the place of the directory, and a guard', async (t) => {
  const directory = await application(t, {
    'compose.yaml': COMPOSE,
    Dockerfile: 'FROM a\nCOPY . /app\n',
    'models/a.pkl': 'x',
  })
  const result = await look(directory)
  assert.deepEqual(
    [result.app.name, result.app.image, result.app.path],
    ['api', 'my_ml_app:latest', '/app/models'],
  )
  const { services } = parse(await read(directory, 'compose.ballast.yaml'))
  assert.deepEqual(services.api.volumes, services['api-model'].volumes)
  assert.equal(services.api.image, undefined)
  assert.deepEqual(services.api.depends_on, { 'api-model': { condition: 'service_completed_successfully' } })
  // A COPY of everything took the directory along.
  assert.ok((await read(directory, '.dockerignore')).split('\n').includes('models/'))
})

test('docker-compose takes both files together, with the volume at the path of the directory', {
  skip: missingParts('docker-compose'),
}, async (t) => {
  const directory = await application(t, {
    'docker-compose.yml': `version: "3.9"\n${COMPOSE}`,
    Dockerfile: DOCKERFILE,
  })
  await look(directory)
  const files = ['-f', 'docker-compose.yml', '-f', 'compose.ballast.yaml']
  const { services, volumes } = parse(
    execFileSync('docker-compose', [...files, 'config'], { cwd: directory, encoding: 'utf8', stdio: 'pipe' }),
  )
  assert.deepEqual(services.api.volumes, ['my_ml_app_model:/app/models:ro'])
  assert.ok(services.api.ports.length === 1 && services.cache.image === 'redis')
  assert.equal(Object.values<{ driver: string }>(volumes)[0]?.driver, 'ballast')
})

test('nothing that is there is changed, however often init is run', async (t) => {
  const contents = {
    Dockerfile: 'FROM a\nWORKDIR /app\nCOPY . .\n',
    'serve.py': SERVE,
    'ballast.yaml': 'apps: { mine: { models: [{ ref: "fraud:prod", path: /srv/m }] } }\n',
    'compose.ballast.yaml': '# mine\n',
    '.dockerignore': '.git\n',
    'models/a.pkl': 'x',
  }
  const directory = await application(t, contents)
  for (let time = 0; time < 2; time++) {
    const result = await look(directory)
    assert.deepEqual(result.written, [])
    // What ballast.yaml says counts before what is guessed.
    assert.deepEqual([result.app.name, result.app.ref, result.app.path], ['mine', 'fraud:prod', '/srv/m'])
    const left = Object.fromEntries(result.left.map(({ file, add }) => [file, add]))
    assert.equal(left['.dockerignore'], 'models/')
    assert.match(left['compose.ballast.yaml'] ?? '', /driver: ballast/)
  }
  for (const [name, text] of Object.entries(contents)) assert.equal(await read(directory, name), text)
  assert.deepEqual(
    (await readdir(directory)).sort(),
    [...Object.keys(contents).filter((n) => !n.includes('/')), 'models'].sort(),
  )
})

test('what init wrote is left alone by the next, which has nothing to add', async (t) => {
  const directory = await application(t, { Dockerfile: DOCKERFILE, 'serve.py': SERVE })
  await look(directory)
  const again = await look(directory)
  assert.deepEqual([again.written, again.left], [[], []])
})

test('the path is found in the code, and what is said counts before what is found', async (t) => {
  const directory = await application(t, { Dockerfile: 'FROM a\nVOLUME /app\n', 'serve.py': SERVE })
  const { app, recognised, next } = await look(directory, { model: 'fraud:3' })
  assert.deepEqual([app.path, app.ref], ['/app/models', 'fraud:3'])
  assert.ok(
    recognised.some((line) => line.includes('serve.py: /app/models/sentiment_model.pkl')),
    recognised.join('\n'),
  )
  assert.match(next[0] ?? '', /delete the line `VOLUME \/app`/)
  assert.equal((await look(directory, { path: '/data/m/', model: 'fraud' })).app.path, '/data/m')
})

test('an application that says nothing of a model, and one that is not there, are errors with what to do', async (t) => {
  const directory = await application(t, { Dockerfile: 'FROM a\nCOPY . .\n' })
  await assert.rejects(look(directory), { code: 'USAGE', hint: /--path/ })
  await assert.rejects(look(directory, { path: 'app/models' }), { code: 'USAGE' })
  await assert.rejects(look(directory, { path: '/app', model: 'No' }), { code: 'USAGE' })
  await assert.rejects(look(join(directory, 'absent')), { code: 'DISK' })
  await writeFile(join(directory, 'compose.yaml'), 'services: [')
  await assert.rejects(look(directory), { code: 'USAGE', message: /^compose\.yaml:\d+/ })
  assert.deepEqual((await readdir(directory)).sort(), ['Dockerfile', 'compose.yaml'])
})
