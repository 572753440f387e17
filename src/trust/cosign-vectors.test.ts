import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { digestOfHex } from '../core/index.ts'
import {
  type AttachedSignature,
  readPublicKey,
  readSigner,
  readTrustedRoot,
  verifyAttached,
  verifyStatement,
} from './index.ts'

/** What cosign's own tests read. */
const vectors = JSON.parse(
  await readFile(new URL('../../test/fixtures/cosign-vectors.json', import.meta.url), 'utf8'),
)

test("cosign's key files are read, those with its former name too", async () => {
  const { password, cosign, sigstore } = vectors.sealedKeys
  const ids = [
    'sha256:a6659c08b9909880c6e4bc51cab6fd7265673f67d614c20ba59a18957feb700d',
    'sha256:f1057bf3c114d5486f0bdb3c702596d6154158248980d4be49f6c61fdc62c591',
  ]
  const signers = await Promise.all([cosign, sigstore].map((text) => readSigner(text, password)))
  assert.deepEqual(
    signers.map(({ publicKey }) => publicKey.id),
    ids,
  )
})

test('an attestation by cosign, of the public instance, is judged by its root alone', async () => {
  const bytes = Buffer.from(JSON.stringify(vectors.attestation))
  const expected = {
    subject: digestOfHex('732112270d7e59418a8c080b134b24cabd67d250d0d0147a97ed95ba5c280aa4'),
    predicateType: 'https://cosign.sigstore.dev/attestation/v1',
  }
  const who = { identity: 'cody@soyland.com', issuer: 'https://github.com/login/oauth' }
  const trusted = {
    root: readTrustedRoot(JSON.stringify(vectors.trustedRoot)),
    identities: [{ identity: { text: who.identity }, issuer: { text: who.issuer } }],
  }
  const verdict = await verifyStatement(bytes, trusted, expected)
  assert.deepEqual(verdict.ok && verdict.by, { kind: 'identity', ...who })
  const { certificateAuthorities, ...rest } = vectors.trustedRoot
  const emptied = { ...rest, certificateAuthorities: certificateAuthorities.slice(0, 1) }
  const root = readTrustedRoot(JSON.stringify({ ...emptied, tlogs: [] }))
  assert.equal((await verifyStatement(bytes, { ...trusted, root }, expected)).ok, false)
})

test('what cosign has made with keys and with identities, in both of its forms, verifies', async () => {
  const { subject, signatures, keys, trustedRoot, identity, issuer } = vectors.made
  const trusted = {
    keys: keys.map((pem: string) => readPublicKey(pem)),
    root: readTrustedRoot(JSON.stringify(trustedRoot)),
    identities: [{ identity: { text: identity }, issuer: { text: issuer } }],
  }
  const attached: readonly AttachedSignature[] = signatures.map(
    ({ payload, annotations, ...bundle }: { payload?: string; annotations: Record<string, string> }) =>
      payload === undefined
        ? { form: 'bundle', bytes: Buffer.from(JSON.stringify(bundle)) }
        : { form: 'simplesigning', payload: Buffer.from(payload), annotations },
  )
  const verdicts = await Promise.all(attached.map((one) => verifyAttached(one, trusted, subject)))
  assert.deepEqual(verdicts.map((verdict) => verdict.ok && verdict.by.kind).sort(), [
    ...['identity', 'identity'],
    ...['key', 'key', 'key', 'key'],
  ])
  for (const one of attached) {
    const other = await verifyAttached(one, trusted, digestOfHex('0'.repeat(64)))
    assert.match(other.ok ? '' : other.why, /made for/)
    assert.equal((await verifyAttached(spoilt(one), trusted, subject)).ok, false)
  }
})

/** With another signature than that which was made. */
function spoilt(attached: AttachedSignature): AttachedSignature {
  const spoil = (text: string): string => {
    const bytes = Buffer.from(text, 'base64')
    bytes.writeUInt8(bytes.readUInt8(20) ^ 1, 20)
    return bytes.toString('base64')
  }
  if (attached.form === 'bundle') {
    const document = JSON.parse(`${attached.bytes}`)
    const [signature] = document.dsseEnvelope.signatures
    signature.sig = spoil(signature.sig)
    return { form: 'bundle', bytes: Buffer.from(JSON.stringify(document)) }
  }
  if (attached.form === 'unreadable') return attached
  const key = 'dev.cosignproject.cosign/signature'
  const { annotations } = attached
  return { ...attached, annotations: { ...annotations, [key]: spoil(annotations[key] ?? '') } }
}
