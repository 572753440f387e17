import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { decodeStatement, readBundle, readTrustedRoot, verifyStatement } from './index.ts'

/** Every client of sigstore has to judge these alike; those that end with `_fail` are to be refused. */
const { vectors, roots, identity, issuer } = JSON.parse(
  await readFile(new URL('../../test/fixtures/sigstore-vectors.json', import.meta.url), 'utf8'),
)

for (const { name, root, subject, bundle } of vectors) {
  test(`sigstore-conformance: ${name}`, async () => {
    const bytes = Buffer.from(JSON.stringify(bundle))
    const payload = readBundle(bytes)?.envelope.payload
    const predicateType = (payload && decodeStatement(payload)?.predicateType) ?? 'none'
    const trusted = {
      root: readTrustedRoot(JSON.stringify(roots[root])),
      identities: [{ identity: { text: identity }, issuer: { text: issuer } }],
    }
    const verdict = await verifyStatement(bytes, trusted, { subject, predicateType })
    assert.equal(verdict.ok, !name.endsWith('_fail'), JSON.stringify(verdict))
  })
}

test('a root whose logs have keys without a beginning is refused', () => {
  const broken = structuredClone(roots['public-good'])
  delete broken.tlogs[0].publicKey.validFor.start
  assert.throws(() => readTrustedRoot(JSON.stringify(broken)), { code: 'USAGE', message: /since when/ })
  assert.throws(() => readTrustedRoot('{}'), { code: 'USAGE' })
})
