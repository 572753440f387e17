import assert from 'node:assert/strict'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { temporaryDirectory } from '../../../test/fixtures/temporary.ts'
import { type ErrorCode, isBallastError } from '../../core/index.ts'
import { findLogin } from './credentials.ts'

const ANN = { username: 'ann', password: 's:ecret' }
const AUTH = encoded('ann:s:ecret')

function encoded(pair: string): string {
  return Buffer.from(pair).toString('base64')
}

async function directoryWith(t: TestContext, config?: string | object): Promise<string> {
  const directory = await temporaryDirectory(t)
  const text = typeof config === 'string' ? config : JSON.stringify(config)
  if (config !== undefined) await writeFile(join(directory, 'config.json'), text)
  return directory
}

async function find(t: TestContext, config: object, host: string, name = 'team/app') {
  return findLogin({ dockerConfig: await directoryWith(t, config) }, { host, name })
}

/** Puts `docker-credential-<name>` with this shell script into the PATH. */
async function installHelper(t: TestContext, name: string, script: string): Promise<string> {
  const directory = await temporaryDirectory(t)
  const path = join(directory, `docker-credential-${name}`)
  await writeFile(path, `#!/bin/sh\n${script}\n`)
  await chmod(path, 0o755)
  const before = process.env.PATH
  process.env.PATH = `${directory}:${before}`
  t.after(() => {
    process.env.PATH = before
  })
  return directory
}

async function failure(promise: Promise<unknown>, code: ErrorCode, says: RegExp): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(isBallastError(error, code), String(error))
    assert.match(error.message, says)
    assert.ok(error.hint)
    assert.doesNotMatch(`${error.message} ${error.hint} ${String(error.cause)}`, /c2VjcmV0|s3cret/)
    return true
  })
}

test('the login of a host, and of no other', async (t) => {
  const config = { auths: { 'localhost:5000': { auth: AUTH } } }
  assert.deepEqual(await find(t, config, 'localhost:5000'), ANN)
  assert.equal(await find(t, config, 'localhost'), undefined)
  assert.equal(await find(t, config, 'localhost:5001'), undefined)
})

for (const key of [
  'a.example',
  'https://a.example',
  'https://a.example/',
  'https://a.example/v2/',
  'a.example/v1/',
]) {
  test(`a key may be written as ${key}`, async (t) => {
    assert.deepEqual(await find(t, { auths: { [key]: { auth: AUTH } } }, 'a.example'), ANN)
    assert.equal(await find(t, { auths: { [key]: { auth: AUTH } } }, 'b.example'), undefined)
  })
}

for (const key of ['https://index.docker.io/v1/', 'docker.io', 'index.docker.io', 'registry-1.docker.io']) {
  test(`Docker Hub may be called ${key}`, async (t) => {
    for (const host of ['docker.io', 'index.docker.io', 'registry-1.docker.io']) {
      assert.deepEqual(await find(t, { auths: { [key]: { auth: AUTH } } }, host), ANN)
    }
  })
}

test('the entry for a repository counts before those of what it is below', async (t) => {
  const auths = {
    'a.example': { auth: encoded('host:p') },
    'a.example/team': { auth: encoded('team:p') },
    'a.example/team/app': { auth: encoded('app:p') },
    'docker.io/library/nginx': { auth: encoded('nginx:p') },
  }
  const user = async (host: string, name: string) => {
    const login = await find(t, { auths }, host, name)
    return login !== undefined && 'username' in login ? login.username : undefined
  }
  assert.equal(await user('a.example', 'team/app'), 'app')
  assert.equal(await user('a.example', 'team/app/sub'), 'app')
  assert.equal(await user('a.example', 'team/other'), 'team')
  assert.equal(await user('a.example', 'teams'), 'host')
  assert.equal(await user('docker.io', 'nginx'), 'nginx')
  assert.equal(await user('docker.io', 'team/nginx'), undefined)
})

test('identity tokens and registry tokens', async (t) => {
  const auths = {
    'a.example': { auth: encoded('<token>:'), identitytoken: 'refresh' },
    'b.example': { registrytoken: 'bearer' },
    'c.example': { username: 'ann', password: 's:ecret' },
  }
  assert.deepEqual(await find(t, { auths }, 'a.example'), { identityToken: 'refresh' })
  assert.deepEqual(await find(t, { auths }, 'b.example'), { registryToken: 'bearer' })
  assert.deepEqual(await find(t, { auths }, 'c.example'), ANN)
})

test('no login: no directory, no file, an empty one, no entry, an empty entry', async (t) => {
  const place = { host: 'a.example', name: 'app' }
  assert.equal(await findLogin({ dockerConfig: '/nowhere/at/all' }, place), undefined)
  assert.equal(await findLogin({ dockerConfig: await directoryWith(t) }, place), undefined)
  assert.equal(await findLogin({ dockerConfig: await directoryWith(t, '') }, place), undefined)
  for (const config of [
    {},
    { auths: {} },
    { auths: { 'a.example': {} } },
    { auths: { 'a.example': { auth: '' } } },
  ]) {
    assert.equal(await find(t, config, 'a.example'), undefined)
  }
})

test("files of Podman's form are looked at where Docker's has no login, in their order", async (t) => {
  const directory = await temporaryDirectory(t)
  const authFiles = ['1.json', '2.json', '3.json'].map((name) => join(directory, name))
  const [, second = '', third = ''] = authFiles
  await writeFile(second, JSON.stringify({ auths: { 'a.example/team': { auth: AUTH } } }))
  await writeFile(third, JSON.stringify({ auths: { 'a.example': { auth: encoded('bob:x') } } }))
  const dockerConfig = await directoryWith(t, { auths: { 'b.example': { auth: AUTH } } })
  const place = { host: 'a.example', name: 'team/app' }
  assert.deepEqual(await findLogin({ dockerConfig, authFiles }, place), ANN)
  const other = { host: 'a.example', name: 'other' }
  assert.deepEqual(await findLogin({ dockerConfig, authFiles }, other), { username: 'bob', password: 'x' })
})

for (const config of [
  '{',
  '[]',
  '{"auths":1}',
  '{"credHelpers":["x"]}',
  '{"credsStore":7}',
  '{"auths":{"a.example":{"auth":"c2VjcmV0"}}}',
]) {
  test(`a file that cannot be understood is named, and its secrets are not: ${config}`, async (t) => {
    const dockerConfig = await directoryWith(t, config)
    const place = { host: 'a.example', name: 'app' }
    await failure(findLogin({ dockerConfig }, place), 'REFUSED', /config\.json cannot be understood/)
  })
}

test('a credential helper is asked for its registry; the one for all others is not', async (t) => {
  const directory = await installHelper(
    t,
    'one',
    `cat > "$(dirname "$0")/asked"; echo '{"ServerURL":"a.example","Username":"ann","Secret":"s:ecret"}'`,
  )
  const config = {
    credHelpers: { 'a.example': 'one' },
    credsStore: 'absent',
    auths: { 'a.example': { auth: encoded('old:x') } },
  }
  assert.deepEqual(await find(t, config, 'a.example'), ANN)
  assert.equal((await import('node:fs')).readFileSync(join(directory, 'asked'), 'utf8'), 'a.example\n')
})

test('the helper for all registries; one with an empty name turns it off', async (t) => {
  await installHelper(t, 'all', `read -r host; echo "{\\"Username\\":\\"$host\\",\\"Secret\\":\\"x\\"}"`)
  const config = {
    credsStore: 'all',
    credHelpers: { 'b.example': '' },
    auths: { 'b.example': { auth: AUTH } },
  }
  assert.deepEqual(await find(t, config, 'a.example'), { username: 'a.example', password: 'x' })
  assert.deepEqual(await find(t, config, 'b.example'), ANN)
  const hub = { username: 'https://index.docker.io/v1/', password: 'x' }
  assert.deepEqual(await find(t, config, 'docker.io', 'nginx'), hub)
})

test('<token> as user name says that the secret is an identity token', async (t) => {
  await installHelper(t, 'idp', `echo '{"Username":"<token>","Secret":"refresh"}'`)
  assert.deepEqual(await find(t, { credsStore: 'idp' }, 'a.example'), { identityToken: 'refresh' })
})

test('"credentials not found" is no failure: the next place is looked at', async (t) => {
  await installHelper(t, 'none', 'echo "credentials not found in native keychain"; exit 1')
  assert.equal(await find(t, { credsStore: 'none' }, 'a.example'), undefined)
  const config = { credsStore: 'none', auths: { 'a.example': { auth: AUTH } } }
  assert.deepEqual(await find(t, config, 'a.example'), ANN)
})

test('a helper that is not installed is named', async (t) => {
  const asked = find(t, { credsStore: 'not-there' }, 'a.example')
  await failure(asked, 'UNAUTHORIZED', /docker-credential-not-there is not installed/)
})

for (const [what, script, says] of [
  ['fails', 'echo "the secret is s3cret"; echo s3cret >&2; exit 3', /ended with 3/],
  ['answers junk', 'echo "s3cret{"', /answers something else/],
  ['answers JSON of another form', `echo '{"Username":1,"Secret":"s3cret"}'`, /answers something else/],
  ['answers an array', `echo '["s3cret"]'`, /answers something else/],
  ['is killed', 'echo s3cret; kill -9 $$', /was killed/],
  ['answers without end', 'exec yes s3cret', /without end/],
] as const) {
  test(`a helper that ${what} is named, and what it prints is not shown`, async (t) => {
    await installHelper(t, 'bad', script)
    await failure(find(t, { credsStore: 'bad' }, 'a.example'), 'UNAUTHORIZED', says)
  })
}

test('a helper that never answers is given up, whatever it has started', { timeout: 10_000 }, async (t) => {
  await installHelper(t, 'slow', 'sleep 5; echo late')
  const dockerConfig = await directoryWith(t, { credsStore: 'slow' })
  const since = performance.now()
  const asked = findLogin({ dockerConfig, helperTimeoutMs: 100 }, { host: 'a.example', name: 'app' })
  await failure(asked, 'UNAUTHORIZED', /does not answer within 0.1 s/)
  assert.ok(performance.now() - since < 3_000)
})

for (const name of ['../evil', '/bin/sh', 'a/b', '..', '', '-x', 'a b', 'x\n', '$(id)']) {
  test(`a helper called ${JSON.stringify(name)} is not started`, async (t) => {
    const directory = await temporaryDirectory(t)
    await mkdir(join(directory, 'docker-credential-a'))
    const asked = find(t, { credHelpers: { 'a.example': name } }, 'a.example')
    if (name === '') assert.equal(await asked, undefined)
    else await failure(asked, 'REFUSED', /credential helper that cannot be one/)
  })
}
