import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { startDockerRegistry } from '../doubles/docker-registry.ts'
import { startFaultyServer } from '../doubles/faulty-server.ts'
import { startTokenServer, type TokenServer } from '../doubles/token-server.ts'
import { ask, type Ran, run } from '../fixtures/command.ts'
import { assertFails } from '../fixtures/failing.ts'
import { writeImageLayout } from '../fixtures/image-layout.ts'
import { missingParts } from '../fixtures/parts.ts'
import { createRandom } from '../fixtures/random.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

const skip = missingParts('docker-registry', 'skopeo', 'openssl')
const PASSWORD = 'hunter2-s3cret'
const IDENTITY = 'refresh-s3cret'

interface World {
  readonly directory: string
  readonly store: string
  /** Of the registry, as references have it. */
  readonly host: string
  readonly tokens: TokenServer
  /** A base image in a layout. */
  readonly base: string
  /** The environment of a user with this `config.json`. */
  readonly userWith: (config: object, path?: string) => Promise<Readonly<Record<string, string>>>
}

interface EmbedAnswer {
  readonly digest: string
  readonly layers: readonly { readonly how: string }[]
}

/** docker-registry, which takes the tokens of a token server. */
async function createWorld(t: TestContext, secureAddress?: string): Promise<World> {
  const users = { ann: PASSWORD }
  const tokens = await startTokenServer(t, {
    users,
    identityTokens: { [IDENTITY]: 'ann' },
    anonymous: ['pull'],
    ...(secureAddress !== undefined && { secureAddress }),
  })
  const secure = secureAddress === undefined ? {} : { address: secureAddress, tls: tokens.files }
  const registry = await startDockerRegistry({ auth: tokens.auth, ...secure })
  assert.ok(registry)
  t.after(() => registry.close())
  const directory = await temporaryDirectory(t)
  const store = join(directory, 'store')
  const random = createRandom('registry-token')
  await writeFiles(join(directory, 'model'), { 'weights.bin': random.bytes(300_000), 'a/b.txt': 'b' })
  await ask(['add', 'm', join(directory, 'model')], { store })
  await writeImageLayout(join(directory, 'base'), {
    tag: 'base',
    layers: [[{ path: 'app/' }, { path: 'app/main.py', text: 'print(1)\n' }]],
  })
  let configs = 0
  return {
    directory,
    store,
    host: registry.host,
    tokens,
    base: `oci:${join(directory, 'base')}:base`,
    async userWith(config, path) {
      const home = join(directory, `home-${++configs}`)
      await mkdir(join(home, '.docker'), { recursive: true })
      await writeFile(join(home, '.docker', 'config.json'), JSON.stringify(config))
      const PATH = path === undefined ? (process.env.PATH ?? '') : `${path}:${process.env.PATH}`
      return {
        HOME: home,
        DOCKER_CONFIG: '',
        REGISTRY_AUTH_FILE: '',
        XDG_RUNTIME_DIR: '',
        XDG_CONFIG_HOME: '',
        PATH,
      }
    },
  }
}

function loginOf(host: string, password = PASSWORD): object {
  return { auths: { [host]: { auth: Buffer.from(`ann:${password}`).toString('base64') } } }
}

/** The digest of an image, as skopeo reads it after it has checked every blob. */
async function digestIn(host: string, image: string, directory: string): Promise<string> {
  const target = join(directory, `out-${image.replace(/\W/g, '-')}`)
  const digestFile = `${target}.digest`
  const args = [
    '--preserve-digests',
    '--src-tls-verify=false',
    '--src-creds',
    `ann:${PASSWORD}`,
    '--digestfile',
    digestFile,
  ]
  await promisify(execFile)('skopeo', ['copy', '-q', ...args, `docker://${host}/${image}`, `oci:${target}:x`])
  return (await readFile(digestFile, 'utf8')).trim()
}

function assertNoSecret(...ran: readonly Ran[]): void {
  for (const { stdout, stderr } of ran) {
    assert.doesNotMatch(stdout + stderr, /s3cret|eyJ|Bearer \w/)
    assert.ok(!(stdout + stderr).includes(Buffer.from(`ann:${PASSWORD}`).toString('base64')))
  }
}

test('a registry with tokens: pushed to, pulled from and mounted across with a login in config.json', {
  skip,
}, async (t) => {
  const { store, host, base, directory, tokens, userWith } = await createWorld(t)
  const env = await userWith(loginOf(host))
  const first = await ask<EmbedAnswer>(['embed', 'm=/app/models', base, '-t', `${host}/one/app:1`], {
    store,
    env,
  })
  assert.equal(await digestIn(host, 'one/app:1', directory), first.digest)
  const before = tokens.issued.length
  const args = ['embed', 'm=/srv/models', `${host}/one/app:1`, '-t', `${host}/two/app:1`]
  const second = await ask<EmbedAnswer>(args, { store, env })
  assert.equal(await digestIn(host, 'two/app:1', directory), second.digest)
  assert.ok(
    second.layers.some(({ how }) => how === 'mounted'),
    JSON.stringify(second.layers),
  )
  const scopes = tokens.issued.slice(before).map((token) => token.scopes.join(' '))
  assert.ok(scopes.includes('repository:two/app:pull,push repository:one/app:pull'), scopes.join('; '))
  assert.ok(tokens.issued.every(({ status }) => status === 200))
})

test("the login may be kept by a credential helper, be an identity token, or stand in Podman's file", {
  skip,
}, async (t) => {
  const { store, host, base, directory, tokens, userWith } = await createWorld(t)
  const helpers = await writeFiles(join(directory, 'bin'), {})
  const script = `#!/bin/sh\nread -r host\n[ "$host" = "${host}" ] && echo '{"Username":"ann","Secret":"${PASSWORD}"}'\n`
  await writeFile(join(helpers, 'docker-credential-test'), script, { mode: 0o755 })
  const [authFile, written] = [join(directory, 'auth.json'), join(directory, 'skopeo.json')]
  const login = ['login', '--tls-verify=false', '--authfile', written, '-u', 'ann', '-p', PASSWORD, host]
  await promisify(execFile)('skopeo', login)
  await writeFile(authFile, JSON.stringify(loginOf(`${host}/four`)))
  const users = [
    await userWith({ credsStore: 'test' }, helpers),
    await userWith({ credHelpers: { [host]: 'test' }, auths: { [host]: {} } }, helpers),
    await userWith({ auths: { [host]: { identitytoken: IDENTITY } } }),
    { ...(await userWith({})), REGISTRY_AUTH_FILE: authFile },
    { ...(await userWith({})), REGISTRY_AUTH_FILE: written },
  ]
  for (const [index, env] of users.entries()) {
    const image = `${['one', 'two', 'three', 'four', 'five'][index]}/app:1`
    await ask(['embed', 'm=/app/models', base, '-t', `${host}/${image}`], { store, env })
    assert.ok(await digestIn(host, image, directory))
  }
  assert.ok(tokens.issued.some(({ method }) => method === 'POST'))
  assert.ok(tokens.issued.every(({ user }) => user === 'ann'))
})

test('without a login an image can be pulled where that is allowed, and pushing says what to do', {
  skip,
}, async (t) => {
  const { store, host, base, directory, userWith } = await createWorld(t)
  const ann = await userWith(loginOf(host))
  await ask(['embed', 'm=/app/models', base, '-t', `${host}/one/app:1`], { store, env: ann })
  const env = await userWith({})
  const pull = ['embed', 'm', `${host}/one/app:1`, '-t', `oci:${join(directory, 'pulled')}:1`]
  assert.ok((await ask<EmbedAnswer>(pull, { store, env })).digest)
  const push = ['embed', 'm=/app/models', base, '-t', `${host}/one/app:2`]
  const names = [`registry ${host} asks for a login`]
  await assertFails(push, { code: 6, names, next: `docker login ${host}` }, { store, env })
})

test('a wrong password, a helper that is missing: exit code 6, what and which, and no secret with --debug', {
  skip,
}, async (t) => {
  const { store, host, base, userWith } = await createWorld(t)
  const embed = ['embed', 'm=/app/models', base, '-t', `${host}/one/app:1`]
  const wrong = await userWith(loginOf(host, 'wrong-s3cret'))
  const refused = { code: 6, names: [host, 'user name and password'], next: `docker login ${host}` }
  await assertFails(embed, refused, { store, env: wrong })
  const old = await userWith({ auths: { [host]: { identitytoken: 'old-s3cret' } } })
  await assertFails(embed, { ...refused, names: [host, 'token'] }, { store, env: old })
  const missing = await userWith({ credsStore: 'not-installed' })
  const names = ['docker-credential-not-installed', 'is not installed']
  await assertFails(
    embed,
    { code: 6, names, next: 'docker-credential-not-installed get' },
    { store, env: missing },
  )
  for (const env of [wrong, old]) assertNoSecret(await run([...embed, '--debug'], { store, env }))
})

const address = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address

test('by https, with the token server at another port; not where its certificate is not trusted, nor by http', {
  skip: skip || (address === undefined && 'this machine has no address but loopback'),
}, async (t) => {
  const { store, host, base, tokens, userWith } = await createWorld(t, address)
  const user = await userWith(loginOf(host))
  const env = { ...user, NODE_EXTRA_CA_CERTS: tokens.files.certificate }
  const embed = ['embed', 'm=/app/models', base, '-t', `${host}/one/app:1`]
  assert.ok((await ask<EmbedAnswer>(embed, { store, env })).digest)
  assert.ok(tokens.issued.every((token) => token.user === 'ann' && token.status === 200))
  const before = tokens.issued.length
  const names = [host, 'certificate that is not trusted']
  await assertFails(embed, { code: 6, names, next: 'NODE_EXTRA_CA_CERTS' }, { store, env: user })

  const open = await startTokenServer(t, { users: {}, anonymous: ['pull', 'push'] })
  const leading = await startDockerRegistry({ auth: open.auth, address: address ?? '', tls: tokens.files })
  assert.ok(leading)
  t.after(() => leading.close())
  const elsewhere = {
    ...(await userWith(loginOf(leading.host))),
    NODE_EXTRA_CA_CERTS: tokens.files.certificate,
  }
  const push = ['embed', 'm=/app/models', base, '-t', `${leading.host}/one/app:1`]
  const refused = { code: 6, names: [leading.host, 'http://127.0.0.1'], next: 'https' }
  await assertFails(push, refused, { store, env: elsewhere })
  assert.deepEqual([tokens.issued.length, open.issued.length], [before, 0])
})

test('a token that ends in the middle of an upload is replaced', { skip }, async (t) => {
  const { store, host, base, directory, tokens, userWith } = await createWorld(t)
  let held = 0
  const proxy = await startFaultyServer(t, {
    target: host,
    plan: ({ method, path }) =>
      method === 'PUT' && path.includes('/blobs/uploads/') && held++ === 0
        ? { kind: 'delay', ms: 3_100 }
        : undefined,
  })
  // Clients are told of an hour, so that only the registry's 401 can tell them.
  tokens.lifetime = { real: 3, announced: 3600 }
  const env = await userWith(loginOf(proxy.host))
  const args = ['embed', 'm=/app/models', base, '-t', `${proxy.host}/one/app:1`]
  const { digest } = await ask<EmbedAnswer>(args, { store, env })
  tokens.lifetime = { real: 300, announced: 300 }
  assert.equal(await digestIn(host, 'one/app:1', directory), digest)
  assert.ok(held > 0)
  const pushes = tokens.issued.filter(({ scopes }) => scopes[0] === 'repository:one/app:pull,push')
  assert.ok(pushes.length >= 2, JSON.stringify(tokens.issued))
})
