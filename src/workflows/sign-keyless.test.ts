import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { identityToken, type Sigstore, startSigstore } from '../../test/doubles/sigstore.ts'
import { rejects } from '../../test/fixtures/rejects.ts'
import { digestOf } from '../core/index.ts'
import {
  claimOf,
  generatePrivateKey,
  readTrustedRoot,
  SIGN_PREDICATE,
  type Statement,
  signerOf,
  signStatement,
  type Trusted,
  type Verdict,
  verifySignatureBundle,
} from '../trust/index.ts'
import { checkToken, keylessSigner, readSigningConfig } from './sign-keyless.ts'

const subject = digestOf('a version')
const statement: Statement = { subjects: [subject], predicateType: SIGN_PREDICATE, predicate: {} }
const [ANN, ISSUER] = ['https://ci.example/ann/models/release', 'https://issuer.example']

test('an identity signs, and who trusts it and the authority believes that', async (t) => {
  const { sigstore, bundle } = await signed(t)
  assert.equal(claimOf({ form: 'bundle', bytes: bundle }).identity, ANN)
  const verdict = await verifySignatureBundle(bundle, trustIn(sigstore), subject)
  assert.deepEqual(verdict.ok && verdict.by, { kind: 'identity', identity: ANN, issuer: ISSUER })
  const byPattern = { identity: { pattern: /^https:\/\/ci\.example\/ann\// }, issuer: { text: ISSUER } }
  const again = await verifySignatureBundle(
    bundle,
    { ...trustIn(sigstore), identities: [byPattern] },
    subject,
  )
  assert.equal(again.ok, true, JSON.stringify(again))
})

test('a timestamp authority is asked as well, where one is named', async (t) => {
  stopAtWholeSecond(t)
  const sigstore = await startSigstore(t)
  const services = { fulcio: sigstore.url, rekor: sigstore.url, timestamps: sigstore.url }
  const bundle = await keylessSigner(services, identityToken(ANN, ISSUER))(statement)
  assert.equal(
    JSON.parse(`${bundle}`).verificationMaterial.timestampVerificationData.rfc3161Timestamps.length,
    1,
  )
  const verdict = await verifySignatureBundle(bundle, trustIn(sigstore), subject)
  assert.equal(verdict.ok, true, JSON.stringify(verdict))
})

test('the services are those of a signing config, where one is given', async (t) => {
  stopAtWholeSecond(t)
  const sigstore = await startSigstore(t)
  const service = { url: sigstore.url, majorApiVersion: 1, validFor: { start: '2020-01-01T00:00:00Z' } }
  const selector = { selector: 'ANY' }
  const config = {
    mediaType: 'application/vnd.dev.sigstore.signingconfig.v0.2+json',
    ...{
      caUrls: [service],
      rekorTlogUrls: [service],
      tsaUrls: [{ ...service, url: `${sigstore.url}/api/v1/timestamp` }],
    },
    ...{ rekorTlogConfig: selector, tsaConfig: selector },
  }
  const services = readSigningConfig(JSON.stringify(config), 'the config')
  const bundle = await keylessSigner(services, identityToken(ANN, ISSUER))(statement)
  const verdict = await verifySignatureBundle(bundle, trustIn(sigstore), subject)
  assert.equal(verdict.ok, true, JSON.stringify(verdict))
  assert.throws(() => readSigningConfig('{}', 'the config'), { code: 'USAGE' })
})

/** The timestamps of sigstore's double have milliseconds without their last zeros, which its verifier cannot read. */
function stopAtWholeSecond(t: TestContext): void {
  t.mock.timers.enable({ apis: ['Date'], now: Math.floor(Date.now() / 1000) * 1000 })
}

test('another name, or another who vouches for it, is refused by what it is', async (t) => {
  const { sigstore, bundle } = await signed(t)
  const trusting = (identity: string, issuer: string): Trusted => ({
    ...trustIn(sigstore),
    identities: [{ identity: { text: identity }, issuer: { text: issuer } }],
  })
  for (const other of [trusting('https://ci.example/ann', ISSUER), trusting(ANN, 'https://evil.example')]) {
    const why = whyOf(await verifySignatureBundle(bundle, other, subject))
    assert.match(
      why,
      /signed by https:\/\/ci\.example\/ann\/models\/release \(https:\/\/issuer\.example\), who is not/,
    )
  }
  assert.match(whyOf(await verifySignatureBundle(bundle, {}, subject)), /no identity is trusted/)
  const noRoot = { ...trustIn(sigstore), root: undefined }
  assert.match(whyOf(await verifySignatureBundle(bundle, noRoot, subject)), /only a trusted root/)
})

test('the certificate of another authority is refused', async (t) => {
  const { bundle } = await signed(t)
  const other = await startSigstore(t)
  assert.match(
    whyOf(await verifySignatureBundle(bundle, trustIn(other), subject)),
    /authority of the trusted root/,
  )
})

test('a certificate that had expired when it signed is refused', async (t) => {
  const sigstore = await startSigstore(t, { certified: new Date(Date.now() - 86_400_000) })
  const bundle = await signAt(sigstore)
  assert.match(
    whyOf(await verifySignatureBundle(bundle, trustIn(sigstore), subject)),
    /was not valid when it signed/,
  )
})

test('without the certificate log that the root names, a certificate is refused', async (t) => {
  const { sigstore, bundle } = await signed(t)
  const other = await startSigstore(t)
  const trustedRoot = { ...sigstore.trustedRoot, ctlogs: other.trustedRoot.ctlogs }
  const verdict = await verifySignatureBundle(bundle, trustIn({ ...sigstore, trustedRoot }), subject)
  assert.match(whyOf(verdict), /SCT/)
})

test('a changed payload, signature or subject is refused', async (t) => {
  const { sigstore, bundle } = await signed(t)
  const other = { ...statement, subjects: [digestOf('other')] }
  const change = (work: (document: ReturnType<typeof JSON.parse>) => void): Buffer => {
    const document = JSON.parse(`${bundle}`)
    work(document)
    return Buffer.from(JSON.stringify(document))
  }
  const payload = JSON.parse(`${await signAt(sigstore, other)}`).dsseEnvelope.payload
  const changed = [
    change(({ dsseEnvelope: envelope }) => {
      envelope.payload = Buffer.from(
        `${Buffer.from(envelope.payload, 'base64')}`.replace('{}', '{"a":1}'),
      ).toString('base64')
    }),
    change(({ dsseEnvelope: { signatures } }) => {
      const signature = Buffer.from(signatures[0].sig, 'base64')
      signature.writeUInt8(signature.readUInt8(20) ^ 1, 20)
      signatures[0].sig = signature.toString('base64')
    }),
  ]
  for (const bytes of changed) {
    const why = whyOf(await verifySignatureBundle(bytes, trustIn(sigstore), subject))
    assert.match(why, /that of another signature|one of the two was changed/)
  }
  const swapped = change((document) => {
    document.dsseEnvelope.payload = payload
  })
  assert.match(whyOf(await verifySignatureBundle(swapped, trustIn(sigstore), subject)), /made for/)
})

test('the log entry of another signature is refused, and so is none', async (t) => {
  const { sigstore, bundle } = await signed(t)
  const document = JSON.parse(`${bundle}`)
  const other = JSON.parse(`${await signAt(sigstore)}`)
  document.verificationMaterial.tlogEntries = other.verificationMaterial.tlogEntries
  const swapped = await verifySignatureBundle(
    Buffer.from(JSON.stringify(document)),
    trustIn(sigstore),
    subject,
  )
  assert.match(whyOf(swapped), /its entry in the transparency log is that of another signature/)
  document.verificationMaterial.tlogEntries = []
  const without = await verifySignatureBundle(
    Buffer.from(JSON.stringify(document)),
    trustIn(sigstore),
    subject,
  )
  assert.match(whyOf(without), /nothing that is trusted says when it was signed/)
})

test('a checkpoint that is signed by a regular expression keeps nobody busy', async (t) => {
  const { sigstore, bundle } = await signed(t)
  const document = JSON.parse(`${bundle}`)
  const [{ inclusionProof }] = document.verificationMaterial.tlogEntries
  const { checkpoint } = inclusionProof
  const [note, signature] = checkpoint.envelope.split('\n\n')
  const hostile = signature.replace(/^\u2014 \S+/, `\u2014 ${'(.|.|.|.)*'.repeat(8)}X`)
  checkpoint.envelope = `${note}\n\n${hostile}${signature}`
  const judged = (): Promise<Verdict<unknown>> =>
    verifySignatureBundle(Buffer.from(JSON.stringify(document)), trustIn(sigstore), subject)
  assert.equal((await judged()).ok, true)
  checkpoint.envelope = `${note}\n\n${hostile}`
  assert.match(whyOf(await judged()), /proof of being in the transparency log does not hold/)
})

test('what a bundle of a key says of a log has to be true where the log is known', async (t) => {
  const { sigstore, bundle } = await signed(t)
  const signer = signerOf({ der: generatePrivateKey() })
  const document = JSON.parse(`${signStatement(signer, statement)}`)
  document.verificationMaterial.tlogEntries = JSON.parse(`${bundle}`).verificationMaterial.tlogEntries
  const bytes = Buffer.from(JSON.stringify(document))
  const trusted = { keys: [signer.publicKey] }
  assert.equal((await verifySignatureBundle(bytes, trusted, subject)).ok, true)
  const { root } = trustIn(sigstore)
  assert.match(
    whyOf(await verifySignatureBundle(bytes, { ...trusted, root }, subject)),
    /that of another signature/,
  )
})

test('tokens that cannot serve are refused before anybody is asked', () => {
  const expired = identityToken(ANN, ISSUER).split('.')
  expired[1] = Buffer.from(JSON.stringify({ exp: 1 })).toString('base64url')
  assert.throws(() => checkToken('nothing', 'token'), { code: 'USAGE' })
  assert.throws(() => checkToken(expired.join('.'), 'token'), { code: 'UNAUTHORIZED', message: /expired/ })
})

test('a service that does not serve is named, and the token is not', async (t) => {
  const { url } = await startSigstore(t)
  const token = identityToken(ANN, ISSUER)
  const sign = keylessSigner({ fulcio: `${url}/nothing`, rekor: url }, token)
  await rejects(sign(statement), 'REMOTE')
  await assert.rejects(sign(statement), (error: Error) => {
    assert.match(error.message, /gives no certificate/)
    assert.ok(!error.message.includes(token))
    return true
  })
})

async function signed(t: TestContext): Promise<{ readonly sigstore: Sigstore; readonly bundle: Buffer }> {
  const sigstore = await startSigstore(t)
  return { sigstore, bundle: await signAt(sigstore) }
}

function signAt({ url }: Sigstore, what = statement): Promise<Buffer> {
  return keylessSigner({ fulcio: url, rekor: url }, identityToken(ANN, ISSUER))(what)
}

function trustIn({ trustedRoot }: Sigstore): Trusted {
  return {
    root: readTrustedRoot(JSON.stringify(trustedRoot)),
    identities: [{ identity: { text: ANN }, issuer: { text: ISSUER } }],
  }
}

function whyOf(verdict: Verdict<unknown>): string {
  assert.equal(verdict.ok, false)
  return verdict.ok ? '' : verdict.why
}
