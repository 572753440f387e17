import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { createStoreStorage, oneUser, startRegistry } from '../../src/registry/index.ts'
import { openStore } from '../../src/store/index.ts'
import { dockerRegistryMissing, startDockerRegistry } from '../doubles/docker-registry.ts'
import { COMMAND, run } from '../fixtures/command.ts'
import { missingParts } from '../fixtures/parts.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

const exec = promisify(execFile)
const CREDENTIALS = { username: 'ann', password: 's3:cret' }

interface Scene {
  readonly host: string
  readonly directory: string
  readonly env: Readonly<Record<string, string>>
  readonly login: (password: string) => Promise<{ code: number | null; out: string }>
}

/** A registry that asks for a login, and a home in which there is none. */
async function setUp(t: TestContext): Promise<Scene> {
  const directory = await temporaryDirectory(t)
  const store = await openStore(join(directory, 'served'))
  const registry = await startRegistry({ storage: createStoreStorage(store), users: oneUser(CREDENTIALS) })
  t.after(() => registry.close())
  const { host } = registry
  const env = { DOCKER_CONFIG: join(directory, 'docker'), XDG_RUNTIME_DIR: '', XDG_CONFIG_HOME: directory }
  const args = [COMMAND, 'login', host, '--username', 'ann', '--password-stdin']
  return {
    host,
    directory,
    env,
    async login(password) {
      const child = spawn(process.execPath, args, { env: { ...process.env, ...env } })
      let out = ''
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (out += chunk))
      child.stdin.end(`${password}\n`)
      const [code] = (await once(child, 'close')) as [number | null]
      return { code, out }
    },
  }
}

test('a login that the registry takes is kept where other tools find it, and nobody else reads it', async (t) => {
  const { host, directory, env, login } = await setUp(t)
  const wrong = await login('wrong')
  assert.equal(wrong.code, 6)
  await assert.rejects(stat(join(env.DOCKER_CONFIG ?? '', 'config.json')), 'nothing is kept of it')
  await writeFiles(directory, {
    'docker/config.json': '{"auths":{"other.example":{"auth":"YTpi"}},"psFormat":"x"}',
  })
  const right = await login('s3:cret')
  assert.equal(right.code, 0, right.out)
  assert.doesNotMatch(right.out + wrong.out, /s3:cret/)
  const path = join(directory, 'docker', 'config.json')
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  const config = JSON.parse(await readFile(path, 'utf8'))
  assert.deepEqual([config.psFormat, Object.keys(config.auths)], ['x', ['other.example', host]])

  const store = join(directory, 'store')
  await writeFiles(join(directory, 'model'), { f: 'weights' })
  assert.equal((await run(['add', 'm', join(directory, 'model')], { store })).code, 0)
  const pushed = await run(['push', 'm', `${host}/m`], { store, env })
  assert.equal(pushed.code, 0, pushed.stderr)
  if (missingParts('skopeo') === false) {
    const args = ['inspect', '--raw', '--tls-verify=false', `docker://${host}/m:1`]
    await exec('skopeo', args, { env: { ...process.env, ...env } })
  }
  assert.equal((await run(['logout', host], { env })).code, 0)
  assert.deepEqual(Object.keys(JSON.parse(await readFile(path, 'utf8')).auths), ['other.example'])
  assert.equal((await run(['push', 'm', `${host}/m:again`], { store, env })).code, 6)
  assert.equal((await run(['logout', host], { env })).code, 3)
})

test('a credential helper that is named keeps the password, and the file does not', async (t) => {
  const { host, directory, env, login } = await setUp(t)
  const kept = join(directory, 'kept.json')
  const script = `case $1 in store) cat > ${kept};; get) test -e ${kept} && cat ${kept} || { echo credentials not found in native keychain; exit 1; };; erase) rm ${kept};; esac`
  await mkdir(join(directory, 'bin'))
  await writeFile(join(directory, 'bin', 'docker-credential-test'), `#!/bin/sh\n${script}\n`)
  await chmod(join(directory, 'bin', 'docker-credential-test'), 0o755)
  await writeFiles(directory, { 'docker/config.json': '{"credsStore":"test"}' })
  const before = process.env.PATH
  process.env.PATH = `${join(directory, 'bin')}:${before}`
  t.after(() => {
    process.env.PATH = before
  })
  assert.equal((await login('s3:cret')).code, 0)
  assert.equal(JSON.parse(await readFile(kept, 'utf8')).Secret, 's3:cret')
  const config = await readFile(join(directory, 'docker', 'config.json'), 'utf8')
  assert.deepEqual(JSON.parse(config), { credsStore: 'test', auths: { [host]: {} } })
  assert.equal((await run(['logout', host], { env })).code, 0)
  await assert.rejects(stat(kept))
})

test('what is no registry, and a password that nobody can give, are said', async (t) => {
  const { env } = await setUp(t)
  const name = await run(['login', 'sentiment', '-u', 'ann', '--password-stdin'], { env })
  assert.equal(name.code, 2)
  assert.match(name.stderr, /HOST:PORT/)
  const nobody = await run(['login', 'localhost:5000'], { env })
  assert.equal(nobody.code, 2)
  assert.match(nobody.stderr, /--password-stdin/)
})

/** An address of this machine that is none of loopback, where http is the rule. */
const address = Object.values(networkInterfaces())
  .flat()
  .find((one) => one?.family === 'IPv4' && !one.internal)?.address
const skip =
  dockerRegistryMissing() ?? (missingParts('openssl') || (address === undefined && 'there is loopback alone'))

test('TLS: a certificate is trusted when it is given, or its registry alone is not verified', {
  skip,
}, async (t) => {
  const directory = await temporaryDirectory(t)
  const [key, certificate] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', `subjectAltName=IP:${address}`]
  const args = [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-keyout',
    key,
    '-out',
    certificate,
  ]
  await exec('openssl', [...args, ...subject])
  const registry = await startDockerRegistry({ address: address ?? '', tls: { certificate, key } })
  assert.ok(registry)
  t.after(() => registry.close())
  const { host } = registry
  const store = join(directory, 'store')
  await writeFiles(join(directory, 'model'), { f: 'weights' })
  assert.equal((await run(['add', 'm', join(directory, 'model')], { store })).code, 0)
  const push = (more: readonly string[], env = {}) => run(['push', 'm', `${host}/m`, ...more], { store, env })
  const refused = await push([])
  assert.equal(refused.code, 6)
  assert.match(refused.stderr, /certificate/)
  assert.equal((await push(['--insecure', 'other.example'])).code, 6, 'of another registry')
  for (const [more, env] of [
    [['--ca', certificate], {}],
    [['--insecure', host], {}],
    [[], { SSL_CERT_FILE: certificate }],
  ] as const) {
    const pushed = await push(more, env)
    assert.equal(pushed.code, 0, pushed.stderr)
  }
  const DOCKER_CONFIG = join(directory, 'docker')
  await writeFiles(join(DOCKER_CONFIG, 'certs.d', host), { 'ca.crt': await readFile(certificate) })
  const found = await push([], { DOCKER_CONFIG })
  assert.equal(found.code, 0, found.stderr)
  assert.equal((await push(['--ca', join(directory, 'nowhere.pem')])).code, 3)
})
