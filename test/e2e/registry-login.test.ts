import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { run, start } from '../fixtures/command.ts'
import { writeImageLayout } from '../fixtures/image-layout.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

test('a registry with a login is used with the credentials of docker login, and refused without them', async (t) => {
  const directory = await temporaryDirectory(t)
  const store = join(directory, 'store')
  await writeFiles(directory, { 'model/f': 'weights', login: 'ann:s3cret' })
  await writeImageLayout(join(directory, 'base'), { tag: 'base', layers: [[{ path: 'app/' }]] })
  assert.equal((await run(['add', 'm', join(directory, 'model')], { store })).code, 0)
  const args = ['serve', '--registry', '--listen', '127.0.0.1:0', '--credentials', join(directory, 'login')]
  const serving = start(args, { store })
  t.after(() => serving.kill())
  while (!/http:/.test(serving.stdout())) await once(serving.child.stdout as NodeJS.ReadableStream, 'data')
  const host = /http:\/\/(\S+)/.exec(serving.stdout())?.[1] ?? ''

  const embed = ['embed', 'm=/app/models', `oci:${join(directory, 'base')}:base`, '-t', `${host}/app:1`]
  const DOCKER_CONFIG = join(directory, 'docker')
  const refused = await run(embed, { store, env: { DOCKER_CONFIG } })
  assert.equal(refused.code, 6)
  assert.doesNotMatch(refused.stderr, / {4}at /)

  await mkdir(DOCKER_CONFIG)
  const auth = Buffer.from('ann:s3cret').toString('base64')
  await writeFile(join(DOCKER_CONFIG, 'config.json'), JSON.stringify({ auths: { [host]: { auth } } }))
  const done = await run(embed, { store, env: { DOCKER_CONFIG } })
  assert.equal(done.code, 0, done.stderr)
  assert.doesNotMatch(serving.stdout() + done.stderr + refused.stderr, /s3cret/)
})
