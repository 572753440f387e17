import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import fc from 'fast-check'
import { digestOf } from '../core/index.ts'
import {
  type AttachedSignature,
  claimOf,
  generatePrivateKey,
  isSignature,
  readPublicKey,
  readTrustedRoot,
  SIGN_PREDICATE,
  signerOf,
  signSimply,
  signStatement,
  verifyAttached,
} from './index.ts'

const subject = digestOf('a version')
const signer = signerOf({ der: generatePrivateKey() })
const { made } = JSON.parse(
  await readFile(new URL('../../test/fixtures/cosign-vectors.json', import.meta.url), 'utf8'),
)
const trusted = {
  keys: [signer.publicKey, ...made.keys.map((pem: string) => readPublicKey(pem))],
  root: readTrustedRoot(JSON.stringify(made.trustedRoot)),
  identities: [{ identity: { text: made.identity }, issuer: { text: made.issuer } }],
}
const bundle = signStatement(signer, { subjects: [subject], predicateType: SIGN_PREDICATE, predicate: {} })
const certified = made.signatures.find((one: object) => JSON.stringify(one).includes('"certificate"'))

test('whatever is in a bundle, it is judged and never thrown, and nobody is found who has not signed', async () => {
  for (const original of [bundle, Buffer.from(JSON.stringify(certified))]) {
    const changes = fc.array(
      fc.record({ at: fc.nat(original.length - 1), by: fc.integer({ min: 1, max: 255 }) }),
      { minLength: 1, maxLength: 4 },
    )
    const property = fc.asyncProperty(changes, async (list) => {
      const bytes = Buffer.from(original)
      for (const { at, by } of list) bytes.writeUInt8(bytes.readUInt8(at) ^ by, at)
      const attached: AttachedSignature = { form: 'bundle', bytes }
      isSignature(attached)
      claimOf(attached)
      const other = await verifyAttached(attached, trusted, digestOf('another'))
      assert.equal(other.ok, false)
      await verifyAttached(attached, trusted, subject)
    })
    await fc.assert(property, { numRuns: 150 })
  }
})

test('documents of any shape are judged too', async () => {
  const key = fc.constantFrom(
    'mediaType',
    'verificationMaterial',
    'dsseEnvelope',
    'publicKey',
    'certificate',
    'tlogEntries',
    'payload',
    'signatures',
  )
  const property = fc.asyncProperty(fc.dictionary(key, fc.jsonValue()), async (part) => {
    const document = { ...JSON.parse(`${bundle}`), ...part }
    const attached: AttachedSignature = { form: 'bundle', bytes: Buffer.from(JSON.stringify(document)) }
    claimOf(attached)
    await verifyAttached(attached, trusted, subject)
    const material = { ...JSON.parse(`${bundle}`), verificationMaterial: part }
    await verifyAttached({ form: 'bundle', bytes: Buffer.from(JSON.stringify(material)) }, trusted, subject)
  })
  await fc.assert(property, { numRuns: 150 })
})

test('what stands beside a simple signature cannot make it one of somebody else', async () => {
  const simple = signSimply(signer, { digest: subject, reference: 'sentiment' })
  const name = fc.constantFrom(
    'dev.cosignproject.cosign/signature',
    'dev.sigstore.cosign/certificate',
    'dev.sigstore.cosign/chain',
    'dev.sigstore.cosign/bundle',
    'dev.sigstore.cosign/rfc3161timestamp',
  )
  const value = fc.oneof(fc.string(), fc.json())
  const property = fc.asyncProperty(fc.dictionary(name, value), fc.boolean(), async (annotations, spoil) => {
    const payload = spoil ? Buffer.from(`${simple.payload} `) : simple.payload
    const attached: AttachedSignature = {
      form: 'simplesigning',
      payload,
      annotations: { ...simple.annotations, ...annotations },
    }
    claimOf(attached)
    const verdict = await verifyAttached(attached, trusted, subject)
    if (spoil || 'dev.cosignproject.cosign/signature' in annotations) assert.equal(verdict.ok, false)
  })
  await fc.assert(property, { numRuns: 150 })
})
