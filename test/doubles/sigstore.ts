import { createHash, generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { TestContext } from 'node:test'
import {
  fulcioHandler,
  initializeCA,
  initializeCTLog,
  initializeTLog,
  initializeTSA,
  tsaHandler,
} from '@sigstore/mock'
import { listenOnLoopback } from '../fixtures/on-loopback.ts'

/** Fulcio, Rekor and a timestamp authority on loopback, and what they are trusted by. */
export interface Sigstore {
  readonly url: string
  /** As `trusted_root.json` has it. */
  readonly trustedRoot: Readonly<Record<string, unknown>>
}

const ENTRIES = '/api/v1/log/entries'

/** `certified` is when certificates are given, where that is not now. */
export async function startSigstore(
  t: TestContext,
  { certified }: { readonly certified?: Date } = {},
): Promise<Sigstore> {
  const [ca, ct, log, tsa] = [0, 1, 2, 3].map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' }))
  if (ca === undefined || ct === undefined || log === undefined || tsa === undefined) throw new Error()
  const handlers = new Map<string, Awaited<ReturnType<typeof fulcioHandler>>['fn']>()
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body = withToken(Buffer.concat(chunks).toString(), request.headers.authorization)
    const answer = await handlers.get(request.url ?? '')?.(body)
    response.writeHead(answer?.statusCode ?? 404, {
      'content-type': answer?.contentType ?? 'text/plain',
      ...(request.url === ENTRIES && { etag: Object.keys(JSON.parse(`${answer?.response}`))[0] }),
    })
    response.end(answer?.response)
  })
  const url = `http://127.0.0.1:${await listenOnLoopback(t, server)}`
  const certificateLog = await initializeCTLog(ct, certified)
  const authority = await initializeCA(ca, certificateLog, certified)
  const transparencyLog = await initializeTLog(url, log)
  const timestamps = await initializeTSA(tsa)
  const fulcio = fulcioHandler(authority)
  for (const { path, fn } of [
    // cosign takes no other status for success.
    { ...fulcio, fn: async (body: string) => ({ ...(await fulcio.fn(body)), statusCode: 200 }) },
    {
      path: ENTRIES,
      fn: async (body: string) => {
        const response = JSON.stringify(await transparencyLog.log(canonicalEntry(JSON.parse(body))))
        return { statusCode: 201, response, contentType: 'application/json' }
      },
    },
    tsaHandler(timestamps),
  ]) {
    handlers.set(path, fn)
  }
  const validFor = { start: new Date(0).toISOString() }
  const logOf = (publicKey: Buffer): object => ({
    baseUrl: url,
    hashAlgorithm: 'SHA2_256',
    publicKey: { rawBytes: publicKey.toString('base64'), keyDetails: 'PKIX_ECDSA_P256_SHA_256', validFor },
    logId: { keyId: createHash('sha256').update(publicKey).digest('base64') },
  })
  const chainOf = (...certificates: readonly ArrayBufferView<ArrayBuffer>[]): object => ({
    uri: url,
    validFor,
    certChain: {
      certificates: certificates.map(({ buffer }) => ({ rawBytes: Buffer.from(buffer).toString('base64') })),
    },
  })
  return {
    url,
    trustedRoot: {
      mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
      certificateAuthorities: [chainOf(authority.rootCertificate)],
      timestampAuthorities: [chainOf(timestamps.intCertificate, timestamps.rootCertificate)],
      tlogs: [logOf(transparencyLog.publicKey)],
      ctlogs: [logOf(certificateLog.publicKey)],
    },
  }
}

/** Fulcio takes a token in its header, too, where cosign has it. */
function withToken(body: string, authorization: string | undefined): string {
  const [, oidcIdentityToken] = /^Bearer (.+)$/.exec(authorization ?? '') ?? []
  if (oidcIdentityToken === undefined) return body
  return JSON.stringify({ ...JSON.parse(body), credentials: { oidcIdentityToken } })
}

/** What Rekor keeps of an envelope that it is shown: digests and signatures, where the double would keep what it was sent. */
function canonicalEntry(proposed: {
  readonly kind: string
  readonly apiVersion: string
  readonly spec: {
    readonly proposedContent: { readonly envelope: string; readonly verifiers: readonly string[] }
  }
}): object {
  const { kind, apiVersion, spec } = proposed
  if (kind !== 'dsse') return proposed
  const { envelope, verifiers } = spec.proposedContent
  const { payload, signatures } = JSON.parse(envelope)
  const hashOf = (data: string | Buffer): object => ({
    algorithm: 'sha256',
    value: createHash('sha256').update(data).digest('hex'),
  })
  return {
    kind,
    apiVersion,
    spec: {
      envelopeHash: hashOf(envelope),
      payloadHash: hashOf(Buffer.from(payload, 'base64')),
      signatures: [{ signature: signatures[0].sig, verifier: verifiers[0] }],
    },
  }
}

/** Of an identity provider, good for an hour; nobody here looks at its signature. */
export function identityToken(subject: string, issuer: string): string {
  const claims = { sub: subject, iss: issuer, aud: 'sigstore', exp: Math.floor(Date.now() / 1000) + 3600 }
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'none', typ: 'JWT' })}.${part(claims)}.none`
}
