import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { dockerRegistryMissing } from '../doubles/docker-registry.ts'
import { identityToken, startSigstore } from '../doubles/sigstore.ts'
import { ask, type RunOptions, run } from '../fixtures/command.ts'
import { registryScene } from '../fixtures/registry-scene.ts'

/**
 * It takes minutes to build, so that nobody has to have it: go install github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3
 */
const missing = spawnSync('cosign', ['version']).error && 'cosign is not installed'
const skip = missing ?? dockerRegistryMissing()

const PASSWORD = { COSIGN_PASSWORD: 'a password' }
const [IDENTITY, ISSUER] = ['https://ci.example/ann/models', 'https://issuer.example']
const NO_LOG = ['--tlog-upload=false', '--use-signing-config=false']
const FORMS = [
  ['bundle', '--new-bundle-format=true'],
  ['legacy', '--new-bundle-format=false'],
] as const

interface Verified {
  readonly trusted: boolean
  readonly signatures: readonly { readonly form: string; readonly by?: { readonly kind: string } }[]
}

test('cosign verifies what Ballast has signed with a key, and Ballast what cosign has', {
  skip,
}, async (t) => {
  const {
    directory: cwd,
    store,
    host,
  } = await registryScene(t, { name: 'sentiment', contents: { 'a.bin': 'a' } })
  const options = { store, cwd, env: PASSWORD }
  await ask(['generate-key-pair', '--output-key-prefix', 'ours'], options)
  await cosign(cwd, ['generate-key-pair', '--output-key-prefix', 'theirs'])
  for (const [form, flag] of FORMS) {
    const ours = `${host}/ours-${form}/sentiment`
    // Each with the other's key: both read both files.
    await ask(['sign', 'sentiment:1', '--key', 'theirs.key', '--format', form], options)
    await ask(['push', 'sentiment:1', ours], options)
    await cosign(cwd, [
      'verify',
      '--key',
      'theirs.pub',
      '--insecure-ignore-tlog=true',
      flag,
      PLAIN,
      `${ours}:1`,
    ])
    const verify = ['verify', '--key', 'ours.pub', '--insecure-ignore-tlog=true', flag, PLAIN, `${ours}:1`]
    await assert.rejects(cosign(cwd, verify), /no matching/)

    const theirs = `${host}/theirs-${form}/sentiment`
    const { digest } = await ask<{ digest: string }>(['push', 'sentiment:1', theirs], options)
    await cosign(cwd, ['sign', '--key', 'ours.key', flag, ...NO_LOG, PLAIN, '-y', `${theirs}@${digest}`])
    await verifies({ ref: `${theirs}:1`, by: ['--key', 'ours.pub'], kind: 'key' }, options)
    // It comes along, and cosign finds it where it goes next.
    await ask(['pull', `${theirs}:1`, `taken-${form}`], options)
    await verifies({ ref: `taken-${form}:1`, by: ['--key', 'ours.pub'], kind: 'key' }, options)
    const next = `${host}/next-${form}/sentiment`
    await ask(['push', `taken-${form}:1`, next], options)
    await cosign(cwd, [
      'verify',
      '--key',
      'ours.pub',
      '--insecure-ignore-tlog=true',
      flag,
      PLAIN,
      `${next}:1`,
    ])
  }
})

test('cosign and Ballast verify the identities by which the other has signed', { skip }, async (t) => {
  const {
    directory: cwd,
    store,
    host,
  } = await registryScene(t, { name: 'sentiment', contents: { 'a.bin': 'a' } })
  const options = { store, cwd, env: PASSWORD }
  const { services, trust } = await instance(t, cwd)
  const ours = `${host}/ours/sentiment`
  await ask(['push', 'sentiment:1', ours], options)
  await ask(['sign', `${ours}:1`, '--identity-token', 'token', ...services.ballast], options)
  await cosign(cwd, ['verify', ...trust, PLAIN, `${ours}:1`])
  await verifies({ ref: `${ours}:1`, by: trust, kind: 'identity' }, options)

  for (const [form, flag] of FORMS) {
    const theirs = `${host}/theirs-${form}/sentiment`
    const { digest } = await ask<{ digest: string }>(['push', 'sentiment:1', theirs], options)
    const how = form === 'bundle' ? services.cosign3 : services.cosign2
    const sign = [
      'sign',
      '--identity-token',
      'token',
      flag,
      ...how,
      '--trusted-root',
      'root.json',
      PLAIN,
      '-y',
    ]
    await cosign(cwd, [...sign, `${theirs}@${digest}`])
    await verifies({ ref: `${theirs}:1`, by: trust, kind: 'identity' }, options)
    const other = trust.map((word) => (word === IDENTITY ? 'https://ci.example/eve' : word))
    const refused = await run(['verify', `${theirs}:1`, ...other], options)
    assert.equal(refused.code, 4, refused.stderr)
    assert.match(refused.stdout, /who is not trusted/)
  }
})

const PLAIN = '--allow-http-registry'

/** Sigstore's services, and the files that name them to the two. */
async function instance(t: TestContext, cwd: string) {
  const { url, trustedRoot } = await startSigstore(t)
  const service = { url, majorApiVersion: 1, validFor: { start: '2020-01-01T00:00:00Z' }, operator: 'a test' }
  const signingConfig = {
    mediaType: 'application/vnd.dev.sigstore.signingconfig.v0.2+json',
    caUrls: [service],
    rekorTlogUrls: [service],
    rekorTlogConfig: { selector: 'ANY' },
    tsaConfig: { selector: 'ANY' },
  }
  await writeFile(join(cwd, 'root.json'), JSON.stringify(trustedRoot))
  await writeFile(join(cwd, 'signing.json'), JSON.stringify(signingConfig))
  await writeFile(join(cwd, 'token'), identityToken(IDENTITY, ISSUER))
  const urls = ['--fulcio-url', url, '--rekor-url', url]
  return {
    services: {
      ballast: urls,
      cosign3: ['--signing-config', 'signing.json'],
      cosign2: ['--use-signing-config=false', ...urls],
    },
    trust: [
      ...['--trusted-root', 'root.json'],
      ...['--certificate-identity', IDENTITY],
      ...['--certificate-oidc-issuer', ISSUER],
    ],
  }
}

async function verifies(
  { ref, by, kind }: { readonly ref: string; readonly by: readonly string[]; readonly kind: string },
  options: RunOptions,
): Promise<void> {
  const verified = await ask<Verified>(['verify', ref, ...by], options)
  assert.equal(verified.trusted, true)
  assert.ok(verified.signatures.some((signature) => signature.by?.kind === kind))
}

/** Rejects with what it says when it fails. */
async function cosign(cwd: string, args: readonly string[]): Promise<void> {
  const child = spawn('cosign', args, {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...PASSWORD, HOME: cwd },
  })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  const said = await text(child.stderr)
  if ((await ended) !== 0) throw new Error(`cosign ${args.join(' ')}: ${said}`)
}
