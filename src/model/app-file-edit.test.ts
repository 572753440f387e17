import assert from 'node:assert/strict'
import { test } from 'node:test'
import { editStrategy } from './app-file-edit.ts'

const TEXT = `# who serves what
apps:
    api:   # the service
      image: "my_ml_app:latest"
      models: [ {ref: sentiment:prod,   path: /app/models} ]
      strategy: { development: mount,  production: 'embed' }   # agreed in March
    other: { image: x, models: [], strategy: { production: embed } }
`

test('a strategy is changed and nothing else of the file', async () => {
  const edited = await editStrategy(TEXT, { app: 'api', environment: 'production', strategy: 'mount' })
  assert.equal(edited, TEXT.replace("production: 'embed' }   #", 'production: mount }   #'))
})

test('a strategy that is not there is not written', async () => {
  const edit = { app: 'api', environment: 'staging', strategy: 'mount' } as const
  assert.equal(await editStrategy(TEXT, edit), undefined)
  assert.equal(await editStrategy(TEXT, { ...edit, app: 'nobody' }), undefined)
})

test('one that is an alias is left to people', async () => {
  const text = 'x: &how embed\napps: { api: { strategy: { production: *how } } }\n'
  const edit = { app: 'api', environment: 'production', strategy: 'mount' } as const
  await assert.rejects(editStrategy(text, edit), { code: 'REFUSED' })
})
