import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { digestOfHex } from '../core/index.ts'
import { readSigner, readTrustedRoot, verifyStatement } from './index.ts'

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
