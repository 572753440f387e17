import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { Ajv } from 'ajv'
import { parse } from 'yaml'
import { isBallastError } from '../core/index.ts'
import { parseAppFile } from './app-file.ts'

const EXAMPLE = `apps:
  sentiment-api:
    image: my_ml_app:latest
    models:
      - { ref: sentiment:prod, path: /app/models }
    strategy: { development: mount, staging: mount, production: embed }
    reload: { http: "POST http://localhost:8000/reload", ready: "GET http://localhost:8000/health", within: 30s }
targets:
  - { ref: sentiment:prod, to: ./models, follow: true }
`

test('the example of the design is read as it is meant', async () => {
  assert.deepEqual(await parseAppFile(EXAMPLE, 'ballast.yaml'), {
    apps: [
      {
        name: 'sentiment-api',
        image: 'my_ml_app:latest',
        models: [{ ref: 'sentiment:prod', path: '/app/models' }],
        strategy: { development: 'mount', staging: 'mount', production: 'embed' },
        reload: {
          http: 'POST http://localhost:8000/reload',
          signal: undefined,
          command: undefined,
          restart: undefined,
          triton: undefined,
          tfserving: undefined,
          containers: undefined,
          pid: undefined,
          order: undefined,
          ready: 'GET http://localhost:8000/health',
          within: '30s',
        },
      },
    ],
    targets: [{ ref: 'sentiment:prod', to: './models', follow: true }],
  })
})

const DIGEST = `sha256:${'ab'.repeat(32)}`
const app = (text: string): string =>
  `apps: { api: { models: [{ ref: sentiment, path: /app/models }]${text} } }`
const model = (ref: string, path = '/app/models'): string =>
  `apps: { api: { models: [{ ref: "${ref}", path: "${path}" }] } }`
const target = (text: string): string => `targets: [{ ref: sentiment:prod, to: ./models, ${text} }]`

const RIGHT = [
  'policyKey: release.pub\ntargets: []',
  EXAMPLE,
  '',
  'apps: {}',
  'targets: []',
  app(''),
  app(', image: "localhost:5000/team/app:v1"'),
  app(', reload: { signal: SIGHUP }'),
  app(', reload: { command: nginx -s reload, within: 500ms }'),
  app(', reload: { restart: true }'),
  app(', reload: { restart: true, containers: [api-1, api-2], order: all }'),
  app(', reload: { signal: SIGHUP, containers: image, order: one-by-one }'),
  app(', reload: { signal: SIGUSR2, pid: ./api.pid, ready: "file:./api.ready" }'),
  app(', reload: { ready: "GET http://localhost:8501/v1/models/sentiment/versions/{number}" }'),
  app(', reload: { command: ./reload, ready: "command:./is-ready" }'),
  app(', reload: { triton: "http://localhost:8000", containers: [triton-1], within: 2m }'),
  app(', reload: { tfserving: "http://localhost:8501/" }'),
  app(', strategy: { ci: auto }'),
  model('team/sentiment:9'),
  model(`sentiment@${DIGEST}`),
  model(`sentiment:prod@${DIGEST}`),
  model('sentiment', '/models'),
  model('sentiment', '/srv/.cache/..models'),
  'targets: [{ ref: sentiment, to: "volume:ml_models" }]',
  'targets: [{ ref: sentiment, to: /srv/models, follow: false }]',
  target('follow: true, from: "registry.example.com/team/sentiment:prod"'),
  target('follow: true, from: "localhost:5000/sentiment:prod", every: 10s, keep: 0, grace: 5m'),
  target('from: "s3://bucket/models/sentiment:prod", as: live, link: true'),
  target('from: "hf://org/repo@main", layout: hf, as: org/repo'),
]

const WRONG = [
  'policyKey: 1',
  'policyKey: ""',
  'applications: {}',
  '- apps',
  'apps: [sentiment]',
  'apps: { api: {} }',
  'apps: { api: { models: [] } }',
  'apps: { api: { models: [sentiment] } }',
  'apps: { api: { models: [{ ref: sentiment }] } }',
  app(', image: 3'),
  app(', images: my_ml_app'),
  app(', strategy: { production: baked }'),
  app(', strategy: mount'),
  app(', reload: {}'),
  app(', reload: { http: "POST http://localhost/", signal: SIGHUP }'),
  app(', reload: { http: http://localhost/ }'),
  app(', reload: { restart: false }'),
  app(', reload: { triton: "localhost:8000" }'),
  app(', reload: { triton: "http://localhost:8000/v2" }'),
  app(', reload: { tfserving: "http://localhost:8501", restart: true }'),
  app(', reload: { tfserving: "http://localhost:8501", ready: "command:true" }'),
  app(', reload: { signal: HUP }'),
  app(', reload: { restart: true, within: soon }'),
  app(', reload: { within: 30s }'),
  app(', reload: { restart: true, ready: http://localhost/ }'),
  app(', reload: { restart: true, order: random }'),
  app(', reload: { restart: true, containers: [] }'),
  app(', reload: { restart: true, containers: api-1 }'),
  app(', reload: { restart: true, containers: [""] }'),
  app(', reload: { restart: true, pid: ./api.pid }'),
  app(', reload: { signal: SIGHUP, pid: ./api.pid, containers: image }'),
  model('Sentiment'),
  model('sentiment:'),
  model('sentiment@sha256:abc'),
  model('../sentiment'),
  model('sentiment', 'app/models'),
  model('sentiment', '/app/../models'),
  model('sentiment', '/app/models/'),
  model('sentiment', '/'),
  'targets: [{ ref: sentiment, to: models }]',
  'targets: [{ ref: sentiment, to: ./models, follow: "yes" }]',
  'targets: { sentiment: ./models }',
  target('from: ./elsewhere'),
  target('from: team/sentiment'),
  target('from: "ftp://host/sentiment"'),
  target('from: "oci:./layout"'),
  target('as: a/b/c'),
  target('layout: flat'),
  target('as: ..'),
  target('as: .ballast'),
  target('link: 1'),
  target('every: soon'),
  target('every: 30'),
  target('keep: -1'),
  target('keep: 1.5'),
  target('keep: "1"'),
  target('grace: 1h'),
  target('interval: 30s'),
]

test('the published schema accepts exactly what the parser accepts', async (t) => {
  const schema = JSON.parse(
    await readFile(new URL('../../docs/ballast.schema.json', import.meta.url), 'utf8'),
  )
  const accepts = new Ajv({ strict: true, strictTypes: false, strictRequired: false }).compile(schema)
  for (const [texts, right] of [[RIGHT, true] as const, [WRONG, false] as const]) {
    for (const text of texts) {
      await t.test(text.split('\n')[0] || 'an empty file', async () => {
        assert.equal(accepts(parse(text) ?? {}), right, JSON.stringify(accepts.errors))
        const parsed = parseAppFile(text, 'ballast.yaml')
        if (right) await parsed
        else
          await assert.rejects(parsed, (error) => isBallastError(error, 'USAGE') && error.hint !== undefined)
      })
    }
  }
})

test('an error names the file, the line, the place in it and what there is', async () => {
  const text = EXAMPLE.replace('image:', 'imagee:')
  await assert.rejects(parseAppFile(text, 'ballast.yaml'), {
    code: 'USAGE',
    message: 'ballast.yaml:3: apps.sentiment-api.imagee is not known',
    hint: 'there are image, models, strategy, reload',
  })
  await assert.rejects(parseAppFile(EXAMPLE.replace('/app/models', 'app/models'), 'ballast.yaml'), {
    message: /^ballast\.yaml:5: apps\.sentiment-api\.models\[0\]\.path is not the absolute path/,
  })
})

test('what is no YAML, and aliases that grow without end, are refused', async () => {
  await assert.rejects(parseAppFile('apps:\n  a: [', 'ballast.yaml'), {
    code: 'USAGE',
    message: /^ballast\.yaml:\d/,
  })
  const levels = Array.from({ length: 9 }, (_, at) => `l${at + 1}: &l${at + 1} [${`*l${at}, `.repeat(9)}]`)
  const bomb = ['l0: &l0 [x, x, x, x, x, x, x, x, x]', ...levels].join('\n')
  await assert.rejects(parseAppFile(bomb, 'ballast.yaml'), { code: 'USAGE' })
})
