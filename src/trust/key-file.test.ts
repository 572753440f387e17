import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateKeyPair, isSignedBy, needsPassword, readPublicKey, readSigner } from './index.ts'

test('a pair opens with its password alone, and what the one signs the other verifies', async () => {
  const pair = await generateKeyPair('correct horse')
  assert.match(pair.privateKey, /^-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n/)
  assert.equal(needsPassword(pair.privateKey), true)
  const signer = await readSigner(pair.privateKey, 'correct horse')
  const data = Buffer.from('content')
  assert.equal(isSignedBy(readPublicKey(pair.publicKey), data, signer.sign(data)), true)
  assert.equal(isSignedBy(readPublicKey(pair.publicKey), Buffer.from('other'), signer.sign(data)), false)
  await assert.rejects(readSigner(pair.privateKey, 'battery staple', 'a.key'), {
    code: 'UNAUTHORIZED',
    message: 'a.key does not open with this password',
  })
})

test('an empty password is a password', async () => {
  const pair = await generateKeyPair('')
  assert.equal((await readSigner(pair.privateKey, '')).publicKey.pem, pair.publicKey)
})

test('a file that asks for more memory than cosign would is refused before any is taken', async () => {
  const sealed = (N: number): string => {
    const salt = Buffer.alloc(32).toString('base64')
    const document = {
      kdf: { name: 'scrypt', params: { N, r: 8, p: 1 }, salt },
      cipher: { name: 'nacl/secretbox', nonce: Buffer.alloc(24).toString('base64') },
      ciphertext: salt,
    }
    const body = Buffer.from(JSON.stringify(document)).toString('base64')
    return `-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----\n${body}\n-----END ENCRYPTED COSIGN PRIVATE KEY-----\n`
  }
  await assert.rejects(readSigner(sealed(2 ** 30), ''), {
    code: 'USAGE',
    message: /not sealed as cosign does/,
  })
  await assert.rejects(readSigner(sealed(2 ** 15), ''), { code: 'UNAUTHORIZED' })
})

test('what is no private key is refused by what it is', async () => {
  const { publicKey } = await generateKeyPair('')
  await assert.rejects(readSigner(publicKey, ''), { code: 'USAGE', message: /is a public key/ })
  await assert.rejects(readSigner('nothing', ''), { code: 'USAGE', message: /no private key/ })
})
