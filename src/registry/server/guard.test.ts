import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Ask, BLOB, DATA, DIGEST, startAsked, UPLOADS } from '../../../test/doubles/distribution-api.ts'
import { createMemoryStorage } from '../../../test/doubles/memory-storage.ts'
import { temporaryDirectory } from '../../../test/fixtures/temporary.ts'
import { isBallastError } from '../../core/index.ts'
import { parseChallenges } from '../protocol/challenges.ts'
import { formatBasic } from '../protocol/index.ts'
import { hashPassword, openPasswordFile } from './password-file.ts'
import { createTokens } from './tokens.ts'

const ANN = { username: 'ann', password: 'may: everything' }
const BOB = { username: 'bob', password: 'may pull' }
const basic = (who: typeof ANN) => ({ authorization: formatBasic(who) })

test('users of a file: one may push, one may pull, nobody else anything; a change is seen', async (t) => {
  const path = join(await temporaryDirectory(t), 'users')
  const line = async ({ username, password }: typeof ANN) => `${username}:${await hashPassword(password)}`
  await writeFile(path, `# who may\n\n${await line(ANN)}\n${await line(BOB)}:pull\n`)
  const ask = await startAsked(t, createMemoryStorage(), { users: await openPasswordFile(path) })
  const push = async (who: typeof ANN) =>
    (await ask('POST', `${UPLOADS}?digest=${DIGEST}`, { headers: basic(who), body: DATA })).status
  const pull = async (who: typeof ANN) => (await ask('GET', BLOB, { headers: basic(who) })).status

  assert.deepEqual([await push(ANN), await pull(ANN)], [201, 200])
  assert.deepEqual([await push(BOB), await pull(BOB)], [403, 200])
  assert.equal((await ask('GET', '/v2/_catalog', { headers: basic(BOB) })).status, 200)
  for (const wrong of [
    { ...ANN, password: 'x' },
    { ...ANN, username: 'eve' },
    { username: '', password: '' },
  ]) {
    assert.deepEqual([await push(wrong), await pull(wrong)], [401, 401])
  }
  const nobody = await ask('GET', '/v2/')
  assert.deepEqual(
    [nobody.status, nobody.headers['www-authenticate']],
    [401, 'Basic realm="ballast", charset="UTF-8"'],
  )

  await writeFile(path, `${await line(BOB)}\n`)
  assert.deepEqual([await pull(ANN), await push(BOB)], [401, 201])
})

test('a file as htpasswd -B writes it is understood', async (t) => {
  const path = join(await temporaryDirectory(t), 'htpasswd')
  const hash = '$2y$05$wySH6ay1ErtsZQlnyWdo3OJyDjCRFkKeBK9ss8v8AyMnc0bzeIV1q'
  await writeFile(path, `ann:${hash}\nbob:${hash.replace('$2y', '$2b')}:pull\n`)
  const users = await openPasswordFile(path)
  const find = (username: string, password: string) => users.find({ username, password })
  assert.deepEqual(await find('ann', 's3cret'), { name: 'ann', may: 'push' })
  assert.deepEqual(await find('bob', 's3cret'), { name: 'bob', may: 'pull' })
  for (const [name, password] of [
    ['ann', 'S3cret'],
    ['ann', ''],
    ['eve', 's3cret'],
  ] as const) {
    assert.equal(await find(name, password), undefined)
  }
})

for (const [what, line] of [
  ['a hash of MD5', 'ann:$apr1$lZL6V/ci$eIMz/iKDkbtys/uU7LEK00'],
  ['a cost that takes hours', `ann:$2y$31$${'A'.repeat(53)}`],
  ['a hash that is cut short', `ann:$2y$10$${'A'.repeat(52)}`],
  ['a password in clear', 'ann:secret'],
  ['no name', ':$scrypt$ln=14,r=8,p=1$AAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
  [
    'a cost that stops the registry',
    'ann:$scrypt$ln=40,r=8,p=1$AAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  ],
  [
    'blocks that need more memory than there may be',
    'ann:$scrypt$ln=20,r=16,p=1$AAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  ],
  ['a key of one byte', 'ann:$scrypt$ln=14,r=8,p=1$AAAA$AA'],
] as const) {
  test(`a file of users with ${what} is refused, and not shown`, async (t) => {
    const path = join(await temporaryDirectory(t), 'users')
    await writeFile(path, `# a comment\n${line}\n`)
    await assert.rejects(openPasswordFile(path), (error) => {
      assert.ok(isBallastError(error, 'USAGE'))
      assert.match(error.message, /line 2/)
      assert.doesNotMatch(error.message, /secret|AAAA/)
      return true
    })
  })
}

test('tokens are given for what the user may, and allow nothing else', async (t) => {
  const users = {
    find: async ({ username }: { readonly username: string }) =>
      (({ ann: { name: 'ann', may: 'push' }, bob: { name: 'bob', may: 'pull' } }) as const)[username],
  }
  const ask = await startAsked(t, createMemoryStorage(), { users, tokens: createTokens() })
  const refused = await ask('POST', UPLOADS)
  const [challenge] = parseChallenges([`${refused.headers['www-authenticate']}`])
  const { realm = '', scope = '', service } = challenge?.parameters ?? {}
  assert.deepEqual([refused.status, challenge?.scheme, service], [401, 'bearer', 'ballast'])
  assert.equal(scope, 'repository:team/app:pull,push')

  const { pathname } = new URL(realm)
  assert.equal((await ask('GET', pathname)).status, 401)
  const ann = await bearer(ask, `${pathname}?scope=${scope}`, ANN)
  const bob = await bearer(ask, `${pathname}?scope=${scope}&scope=repository:other:delete`, BOB)
  assert.equal((await ask('POST', UPLOADS, { headers: ann })).status, 202)
  assert.equal((await ask('GET', '/v2/', { headers: bob })).status, 200)
  assert.equal((await ask('GET', BLOB, { headers: bob })).status, 404)
  assert.equal((await ask('GET', '/metrics', { headers: bob })).status, 200)
  for (const [method, path] of [
    ['POST', UPLOADS],
    ['GET', '/v2/other/tags/list'],
    ['DELETE', '/v2/other/manifests/v1'],
    ['GET', '/v2/_catalog'],
  ] as const) {
    const answer = await ask(method, path, { headers: bob })
    assert.equal(answer.status, 401, `${method} ${path}`)
    assert.match(`${answer.headers['www-authenticate']}`, /error="insufficient_scope"/)
  }
  const forged = { authorization: `${ann.authorization.slice(0, -3)}AAA` }
  for (const headers of [forged, { authorization: 'Bearer x' }, { authorization: 'Bearer ..' }]) {
    assert.match(`${(await ask('POST', UPLOADS, { headers })).headers['www-authenticate']}`, /invalid_token/)
  }
  const form = 'grant_type=password&username=ann&password=x&service=ballast&scope=repository:a:pull'
  assert.equal((await ask('POST', pathname, { body: form })).status, 200)
  assert.equal((await ask('POST', pathname, { body: 'x'.repeat(70_000) })).status, 413)
})

test('a token ends', () => {
  let now = 0
  const { issue, verify, lifetime } = createTokens({ now: () => now })
  const token = issue('ann', ['repository:a:pull'])
  assert.deepEqual(verify(token), ['repository:a:pull'])
  now = lifetime * 1000
  assert.equal(verify(token), undefined)
  now = 0
  assert.equal(createTokens({ now: () => now }).verify(token), undefined)
})

test('a name that is none gets into no header', async (t) => {
  const users = { find: async () => undefined }
  const ask = await startAsked(t, createMemoryStorage(), { users, tokens: createTokens() })
  for (const name of ['a%22b', 'a%0d%0aset-cookie:%20x', '%00', 'A']) {
    const answer = await ask('GET', `/v2/${name}/tags/list`)
    assert.equal(answer.status, 401)
    assert.doesNotMatch(`${answer.headers['www-authenticate']}`, /scope/)
  }
})

async function bearer(ask: Ask, path: string, who: typeof ANN): Promise<{ readonly authorization: string }> {
  const answer = await ask('GET', path, { headers: basic(who) })
  assert.equal(answer.status, 200)
  return { authorization: `Bearer ${JSON.parse(answer.bytes.toString()).token}` }
}
