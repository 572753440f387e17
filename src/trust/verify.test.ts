import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { digestOf } from '../core/index.ts'
import {
  generatePrivateKey,
  readBundle,
  readPublicKey,
  SIGN_PREDICATE,
  type Signer,
  signerOf,
  signStatement,
  type Trusted,
  type Verdict,
  verifySignatureBundle,
  verifyStatement,
} from './index.ts'

const subject = digestOf('a version')
const other = digestOf('another version')
const signer = signerOf({ der: generatePrivateKey() })
const trusted = { keys: [signer.publicKey] }
const statement = { subjects: [subject], predicateType: SIGN_PREDICATE, predicate: {} }

test('what was signed with a trusted key is believed, whatever kind of key it is', async () => {
  for (const kind of [signer, pemSigner('ed25519'), pemSigner('rsa')]) {
    const verdict = await verifySignatureBundle(
      signStatement(kind, statement),
      { keys: [pemSigner('ed25519').publicKey, kind.publicKey] },
      subject,
    )
    assert.deepEqual(verdict.ok && verdict.by, { kind: 'key', keyId: kind.publicKey.id })
    assert.deepEqual(verdict.ok && verdict.value, statement)
  }
})

test('Ed25519 counts with its content hashed before, as cosign signs with it, and not for other content', async () => {
  const { ed25519ph } = await import('@noble/curves/ed25519.js')
  const { secretKey, publicKey } = ed25519ph.keygen()
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), publicKey])
  const key = readPublicKey(pemOf(der))
  const sign = (data: Uint8Array): Buffer => Buffer.from(ed25519ph.sign(data, secretKey))
  const bytes = signStatement({ publicKey: key, sign }, statement)
  assert.equal((await verifySignatureBundle(bytes, { keys: [key] }, subject)).ok, true)
  assert.match(why(await verifySignatureBundle(flipped(bytes), { keys: [key] }, subject)), /does not fit/)
})

test('statements of any kind carry their predicate', async () => {
  const predicateType = 'https://ballast.dev/approval/v1'
  const predicate = { stage: 'prod', why: 'it is "better" — ü' }
  const bytes = signStatement(signer, { subjects: [other, subject], predicateType, predicate })
  const verdict = await verifyStatement(bytes, trusted, { subject, predicateType })
  assert.deepEqual(verdict.ok && verdict.value.predicate, predicate)
})

test('a signature for another version is refused', async () => {
  const bytes = signStatement(signer, { ...statement, subjects: [other] })
  assert.match(why(await verifySignatureBundle(bytes, trusted, subject)), /made for sha256:\w+…, not for/)
})

test('an approval is no signature', async () => {
  const bytes = signStatement(signer, { ...statement, predicateType: 'https://ballast.dev/approval/v1' })
  assert.match(why(await verifySignatureBundle(bytes, trusted, subject)), /statement of another kind/)
})

test('a changed signature is told from a key that is not trusted', async () => {
  const bytes = signStatement(signer, statement)
  assert.match(
    why(await verifySignatureBundle(flipped(bytes), trusted, subject)),
    /does not fit what it signs/,
  )
  const stranger: Trusted = { keys: [pemSigner('ed25519').publicKey] }
  assert.match(
    why(await verifySignatureBundle(bytes, stranger, subject)),
    /no trusted key.*made with key \w{12}/,
  )
  assert.match(why(await verifySignatureBundle(bytes, {}, subject)), /no key is trusted/)
})

test('a payload that was put in place of the signed one is refused', async () => {
  const bundle = JSON.parse(signStatement(signer, { ...statement, subjects: [other] }).toString())
  bundle.dsseEnvelope.payload = JSON.parse(signStatement(signer, statement).toString()).dsseEnvelope.payload
  const bytes = Buffer.from(JSON.stringify(bundle))
  assert.match(why(await verifySignatureBundle(bytes, trusted, subject)), /one of the two was changed/)
})

test('what is no bundle is refused, never thrown', async () => {
  const good = JSON.parse(signStatement(signer, statement).toString())
  const twice = { ...good.dsseEnvelope, signatures: [1, 2].map(() => good.dsseEnvelope.signatures[0]) }
  const broken = [
    '',
    'null',
    '[]',
    '{}',
    JSON.stringify({ ...good, mediaType: 'text/plain' }),
    JSON.stringify({ ...good, dsseEnvelope: null }),
    JSON.stringify({ ...good, dsseEnvelope: twice }),
    JSON.stringify({ ...good, dsseEnvelope: { ...good.dsseEnvelope, payloadType: 'text/plain' } }),
    JSON.stringify({ ...good, dsseEnvelope: { ...good.dsseEnvelope, payload: 'e30=' } }),
  ]
  for (const text of broken) why(await verifySignatureBundle(Buffer.from(text), trusted, subject))
})

test('a bundle says by which key it was made', () => {
  assert.equal(readBundle(signStatement(signer, statement))?.keyId, signer.publicKey.id)
})

test('a key is the same one in every form that it is written in', () => {
  const { x = '', y = '' } = signer.publicKey.key.export({ format: 'jwk' })
  const isOdd = (Buffer.from(y, 'base64url').at(-1) ?? 0) % 2 === 1
  const head = Buffer.from('3039301306072a8648ce3d020106082a8648ce3d030107032200', 'hex')
  const point = Buffer.concat([Buffer.from([isOdd ? 3 : 2]), Buffer.from(x, 'base64url')])
  const compressed = readPublicKey(pemOf(Buffer.concat([head, point])))
  assert.deepEqual(
    [compressed.id, compressed.pem],
    [signer.publicKey.id, readPublicKey(signer.publicKey.pem).pem],
  )
})

test('keys that are no use for signatures are refused in words, without a word of them', () => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey
  const curve = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey
  for (const key of [weak, curve]) {
    const pem = key.export({ format: 'pem', type: 'spki' }).toString()
    assert.throws(() => readPublicKey(pem, 'a.pub'), { code: 'USAGE', message: /a\.pub is a key of a kind/ })
  }
  const secret = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  assert.throws(() => readPublicKey(secret), { code: 'USAGE', message: /is a private key/ })
  assert.throws(() => readPublicKey('nothing'), { code: 'USAGE', message: /no public key in PEM/ })
  assert.throws(
    () => signerOf({ pem: secret.replace('MC4', 'XXX') }),
    (error: Error) => {
      assert.ok(!error.message.includes(secret.split('\n')[1] as string))
      return true
    },
  )
})

function pemSigner(type: 'ed25519' | 'rsa'): Signer {
  const { privateKey } =
    type === 'rsa' ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : generateKeyPairSync('ed25519')
  return signerOf({ pem: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString() })
}

function flipped(bytes: Buffer): Buffer {
  const bundle = JSON.parse(bytes.toString())
  const [first] = bundle.dsseEnvelope.signatures
  const signature = Buffer.from(first.sig, 'base64')
  signature.writeUInt8(signature.readUInt8(20) ^ 1, 20)
  first.sig = signature.toString('base64')
  return Buffer.from(JSON.stringify(bundle))
}

function why(verdict: Verdict<unknown>): string {
  assert.equal(verdict.ok, false)
  return verdict.ok ? '' : verdict.why
}

function pemOf(spki: Buffer): string {
  return `-----BEGIN PUBLIC KEY-----\n${spki.toString('base64')}\n-----END PUBLIC KEY-----\n`
}
