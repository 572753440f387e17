import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { isBallastError } from '../../core/index.ts'
import { findCredentials } from './credentials.ts'

const ANN = { username: 'ann', password: 's:ecret' }
const AUTH = Buffer.from('ann:s:ecret').toString('base64')

async function directoryWith(context: TestContext, config?: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'docker-config-'))
  context.after(() => rm(directory, { recursive: true, force: true }))
  if (config !== undefined) await writeFile(join(directory, 'config.json'), config)
  return directory
}

test('the login of a host, and of no other', async (context) => {
  const directory = await directoryWith(
    context,
    JSON.stringify({ auths: { 'localhost:5000': { auth: AUTH } } }),
  )
  assert.deepEqual(await findCredentials(directory, 'localhost:5000'), ANN)
  assert.equal(await findCredentials(directory, 'localhost'), undefined)
  assert.equal(await findCredentials(directory, 'localhost:5001'), undefined)
})

test('Docker Hub has a key of its own', async (context) => {
  const auths = { 'https://index.docker.io/v1/': { auth: AUTH } }
  const directory = await directoryWith(context, JSON.stringify({ auths }))
  assert.deepEqual(await findCredentials(directory, 'docker.io'), ANN)
})

test('no login: no directory, no file, no entry, a credential helper', async (context) => {
  assert.equal(await findCredentials('/nowhere/at/all', 'a.example'), undefined)
  assert.equal(await findCredentials(await directoryWith(context), 'a.example'), undefined)
  for (const config of [{}, { auths: {} }, { auths: { 'a.example': {} }, credsStore: 'desktop' }]) {
    const directory = await directoryWith(context, JSON.stringify(config))
    assert.equal(await findCredentials(directory, 'a.example'), undefined)
  }
})

for (const config of ['{', '[]', '{"auths":1}', '{"auths":{"a.example":{"auth":"c2VjcmV0"}}}']) {
  test(`a file that cannot be understood is named, and its secrets are not: ${config}`, async (context) => {
    const directory = await directoryWith(context, config)
    await assert.rejects(findCredentials(directory, 'a.example'), (error) => {
      assert.ok(isBallastError(error, 'REFUSED'))
      assert.match(error.message, /config\.json cannot be understood/)
      assert.doesNotMatch(error.message, /c2VjcmV0|secret/)
      return true
    })
  })
}
