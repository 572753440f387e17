import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { identityToken } from '../doubles/sigstore.ts'
import { ask, type Ran, type RunOptions, run } from '../fixtures/command.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

const SECRET = 'correct horse battery'

async function scene(t: TestContext): Promise<RunOptions & { readonly cwd: string }> {
  const cwd = await temporaryDirectory(t)
  await writeFiles(join(cwd, 'model'), { 'weights.bin': 'w' })
  const options = { cwd, store: join(cwd, 'store'), env: { BALLAST_KEY_PASSWORD: SECRET } }
  await ask(['add', 'sentiment', './model'], options)
  await ask(['generate-key-pair'], options)
  return options
}

test('a key is for its owner alone, is never overwritten, and nothing repeats its password', async (t) => {
  const options = await scene(t)
  const { cwd } = options
  assert.equal((await stat(join(cwd, 'cosign.key'))).mode & 0o777, 0o600)
  const key = await readFile(join(cwd, 'cosign.key'))
  const again = await run(['generate-key-pair'], options)
  assert.equal(again.code, 5, again.stderr)
  assert.deepEqual(await readFile(join(cwd, 'cosign.key')), key)
  await writeFile(join(cwd, 'half.pub'), '')
  assert.equal((await run(['generate-key-pair', '--output-key-prefix', 'half'], options)).code, 5)
  await assert.rejects(stat(join(cwd, 'half.key')), { code: 'ENOENT' })

  const wrong = { ...options, env: { BALLAST_KEY_PASSWORD: 'another password' } }
  const nobody = { ...options, env: { BALLAST_KEY_PASSWORD: undefined, COSIGN_PASSWORD: undefined } }
  const sign = ['sign', 'sentiment', '--key', 'cosign.key', '--debug']
  fails(await run(sign, wrong), { code: 6, message: /does not open with this password/ })
  fails(await run(sign, nobody), { code: 2, message: /nobody is there to be asked/ })
  assert.equal((await run(sign, { ...options, env: { ...nobody.env, COSIGN_PASSWORD: SECRET } })).code, 0)
})

test('who has signed a version shows, and is believed only by the key that is trusted', async (t) => {
  const options = await scene(t)
  const { cwd } = options
  const other = generateKeyPairSync('ed25519')
  await writeFile(join(cwd, 'other.key'), other.privateKey.export({ format: 'pem', type: 'pkcs8' }), {
    mode: 0o600,
  })
  await writeFile(join(cwd, 'other.pub'), other.publicKey.export({ format: 'pem', type: 'spki' }))
  fails(await run(['verify', 'sentiment', '--key', 'cosign.pub'], options), {
    code: 4,
    output: /nobody has signed it/,
  })
  await ask(['sign', 'sentiment', '--key', 'other.key'], options)
  fails(await run(['verify', 'sentiment', '--key', 'cosign.pub'], options), {
    code: 4,
    output: /refused: no signature on it is trusted\n {2}not counted: no trusted key has made it/,
  })
  assert.equal(
    (await run(['verify', 'sentiment', '--key', 'cosign.pub', '--key', 'other.pub'], options)).code,
    0,
  )
  const [claimed, proven] = [
    await run(['show', 'sentiment'], options),
    await run(['show', 'sentiment', '--key', 'other.pub'], options),
  ]
  assert.match(claimed.stdout, /signed, it says, by: key \w{12} \(not verified\)/)
  assert.match(proven.stdout, /signed by: key \w{12} \(verified\)/)
})

test('what makes no sense is refused in words, and a token on the command line is not repeated', async (t) => {
  const options = await scene(t)
  const token = identityToken('ann', 'https://issuer.example')
  const refusals: readonly (readonly [readonly string[], RegExp])[] = [
    [['sign', 'sentiment'], /nothing to sign with/],
    [['sign', 'sentiment', '--key', 'cosign.key', '--keyless'], /more than one thing/],
    [['sign', 'sentiment', '--key', 'cosign.pub'], /is a public key/],
    [['sign', 'sentiment', '--key', 'cosign.key', '--format', 'pgp'], /no form of a signature/],
    [['sign', 'sentiment', '--identity-token', token], /stands on the command line/],
    [['verify', 'sentiment', '--key', 'cosign.key'], /cosign\.key is a private key/],
    [['verify', 'sentiment', '--certificate-identity', 'ann'], /only together with who vouches/],
    [
      [
        'verify',
        'sentiment',
        '--certificate-identity',
        'ann',
        '--certificate-oidc-issuer',
        'https://i.example',
      ],
      /no authority is named/,
    ],
    [['verify', '--key', 'cosign.pub'], /none is named/],
  ]
  for (const [args, message] of refusals) {
    const ran = await run(args, options)
    fails(ran, { code: 2, message })
    assert.ok(!`${ran.stdout}${ran.stderr}`.includes(token), args.join(' '))
  }
})

function fails(
  ran: Ran,
  { code, message, output }: { readonly code: number; readonly message?: RegExp; readonly output?: RegExp },
): void {
  assert.equal(ran.code, code, `${ran.stdout}${ran.stderr}`)
  if (message !== undefined) assert.match(ran.stderr, message)
  if (output !== undefined) assert.match(ran.stdout, output)
  assert.ok(!`${ran.stdout}${ran.stderr}`.includes(SECRET))
}
