import type { BundleBuilder } from '@sigstore/sign'
import { BallastError, keepSecret } from '../core/index.ts'
import { arrayOf, objectOf, parseJson } from '../model/index.ts'
import { encodeStatement, STATEMENT_PAYLOAD, type Statement } from '../trust/index.ts'

/** The services of the public instance. What is sent there, the identity included, is public for ever. */
export const PUBLIC_FULCIO = 'https://fulcio.sigstore.dev'
export const PUBLIC_REKOR = 'https://rekor.sigstore.dev'

const RETRIES = 2
const TIMEOUT = 30_000

export interface KeylessServices {
  /** Gives certificates to whoever shows a token of an identity provider. */
  readonly fulcio: string
  /** The transparency log. */
  readonly rekor: string
  /** A timestamp authority, where one is asked beside the log. */
  readonly timestamps?: string | undefined
}

/** The services of an instance as its operators name them (sigstore's signing_config.json), in place of addresses. */
export interface SigningConfig {
  readonly document: object
}

/**
 * Signs with a key that lives for this signature alone, and with a certificate for the identity that the token stands for;
 * without a token, for that of the CI job (GitHub Actions, Buildkite, SIGSTORE_ID_TOKEN). Throws UNAUTHORIZED, REMOTE.
 */
export function keylessSigner(
  services: KeylessServices | SigningConfig,
  token?: string,
): (statement: Statement) => Promise<Buffer> {
  if (token !== undefined) keepSecret(token)
  return async (statement) => {
    const { bundleToJSON } = await import('@sigstore/bundle')
    try {
      const builder = await builderOf(services, token)
      const bundle = await builder.create({ data: encodeStatement(statement), type: STATEMENT_PAYLOAD })
      return Buffer.from(JSON.stringify(bundleToJSON(bundle)))
    } catch (error) {
      throw explain(error, services)
    }
  }
}

async function builderOf(
  services: KeylessServices | SigningConfig,
  token: string | undefined,
): Promise<BundleBuilder> {
  const sigstore = await import('@sigstore/sign')
  const { CIContextProvider, DSSEBundleBuilder, FulcioSigner, RekorWitness, TSAWitness } = sigstore
  const how = { retry: RETRIES, timeout: TIMEOUT }
  const identityProvider =
    token === undefined ? new CIContextProvider() : { getToken: () => Promise.resolve(token) }
  if ('document' in services) {
    const { SigningConfig: Config } = await import('@sigstore/protobuf-specs')
    const signingConfig = Config.fromJSON(services.document)
    const options = { signingConfig, identityProvider, fetchOptions: how }
    return sigstore.bundleBuilderFromSigningConfig({ ...options, bundleType: 'dsseEnvelope' })
  }
  const { fulcio, rekor, timestamps } = services
  return new DSSEBundleBuilder({
    signer: new FulcioSigner({ ...how, fulcioBaseURL: fulcio, identityProvider }),
    witnesses: [
      new RekorWitness({ ...how, rekorBaseURL: rekor, entryType: 'dsse' }),
      ...(timestamps === undefined ? [] : [new TSAWitness({ ...how, tsaBaseURL: timestamps })]),
    ],
  })
}

/** Throws USAGE for what names no certificate authority. */
export function readSigningConfig(text: string, what: string): SigningConfig {
  const document = parseJson(Buffer.from(text))
  if (document !== undefined && arrayOf(document.caUrls).length > 0) return { document }
  throw new BallastError('USAGE', `${what} names no certificate authority`, {
    hint: 'give a signing_config.json (v0.2), as `cosign signing-config create` or the operators of the instance have it',
  })
}

/** What a token says, without its signature being looked at: that is the authority's business. Throws USAGE. */
export function checkToken(text: string, what: string): string {
  const token = text.trim()
  const [, payload = ''] = token.split('.')
  const claims = parseJson(Buffer.from(payload, 'base64url'))
  if (claims === undefined) {
    throw new BallastError('USAGE', `${what} is no identity token (a JWT)`, {
      hint: 'a file with the token of your identity provider, made for the audience sigstore',
    })
  }
  if (typeof claims.exp === 'number' && claims.exp * 1000 < Date.now()) {
    throw new BallastError('UNAUTHORIZED', `the identity token in ${what} has expired`, {
      hint: 'get a new one; they live for minutes',
    })
  }
  return token
}

/** Which of the services has failed; its address where that is known here. */
const WHO: Readonly<Record<string, readonly [key: keyof KeylessServices, name: string, what: string]>> = {
  CA_CREATE_SIGNING_CERTIFICATE_ERROR: ['fulcio', 'the certificate authority', 'gives no certificate'],
  TLOG_CREATE_ENTRY_ERROR: ['rekor', 'the transparency log', 'takes no entry'],
  TLOG_FETCH_ENTRY_ERROR: ['rekor', 'the transparency log', 'does not show its entry'],
  TSA_CREATE_TIMESTAMP_ERROR: ['timestamps', 'the timestamp authority', 'gives no timestamp'],
}

function explain(error: unknown, services: KeylessServices | SigningConfig): unknown {
  const { code, message, cause } = objectOf(error)
  if (code === 'IDENTITY_TOKEN_READ_ERROR') {
    return new BallastError('UNAUTHORIZED', 'nothing here gives an identity token', {
      hint: 'name one with --identity-token FILE, or allow the job to ask for one (GitHub Actions: permissions: id-token: write)',
    })
  }
  const known = typeof code === 'string' ? WHO[code] : undefined
  if (known === undefined) return error
  const [key, name, what] = known
  const who = 'document' in services ? name : (services[key] ?? name)
  const { statusCode, message: why } = objectOf(cause)
  return new BallastError(
    statusCode === 401 || statusCode === 403 ? 'UNAUTHORIZED' : 'REMOTE',
    `${who} ${what}: ${String(why ?? message)}`,
    { cause: error, hint: 'nothing was attached; run the command again once the service answers' },
  )
}
