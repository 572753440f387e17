import { BallastError, keepSecret } from '../core/index.ts'
import { objectOf, parseJson } from '../model/index.ts'
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

/**
 * Signs with a key that lives for this signature alone, and with a certificate for the identity that the token stands for;
 * without a token, for that of the CI job (GitHub Actions, Buildkite, SIGSTORE_ID_TOKEN). Throws UNAUTHORIZED, REMOTE.
 */
export function keylessSigner(
  services: KeylessServices,
  token?: string,
): (statement: Statement) => Promise<Buffer> {
  if (token !== undefined) keepSecret(token)
  return async (statement) => {
    const [
      { CIContextProvider, DSSEBundleBuilder, FulcioSigner, RekorWitness, TSAWitness },
      { bundleToJSON },
    ] = await Promise.all([import('@sigstore/sign'), import('@sigstore/bundle')])
    const how = { retry: RETRIES, timeout: TIMEOUT }
    const identityProvider =
      token === undefined ? new CIContextProvider() : { getToken: () => Promise.resolve(token) }
    const { fulcio, rekor, timestamps } = services
    const builder = new DSSEBundleBuilder({
      signer: new FulcioSigner({ ...how, fulcioBaseURL: fulcio, identityProvider }),
      witnesses: [
        new RekorWitness({ ...how, rekorBaseURL: rekor, entryType: 'dsse' }),
        ...(timestamps === undefined ? [] : [new TSAWitness({ ...how, tsaBaseURL: timestamps })]),
      ],
    })
    try {
      const bundle = await builder.create({ data: encodeStatement(statement), type: STATEMENT_PAYLOAD })
      return Buffer.from(JSON.stringify(bundleToJSON(bundle)))
    } catch (error) {
      throw explain(error, services)
    }
  }
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

const WHO: Readonly<Record<string, (services: KeylessServices) => string>> = {
  CA_CREATE_SIGNING_CERTIFICATE_ERROR: ({ fulcio }) => `${fulcio} gives no certificate`,
  TLOG_CREATE_ENTRY_ERROR: ({ rekor }) => `${rekor} takes no entry`,
  TLOG_FETCH_ENTRY_ERROR: ({ rekor }) => `${rekor} does not show its entry`,
  TSA_CREATE_TIMESTAMP_ERROR: ({ timestamps }) => `${timestamps} gives no timestamp`,
}

function explain(error: unknown, services: KeylessServices): unknown {
  const { code, message, cause } = objectOf(error)
  if (code === 'IDENTITY_TOKEN_READ_ERROR') {
    return new BallastError('UNAUTHORIZED', 'nothing here gives an identity token', {
      hint: 'name one with --identity-token FILE, or allow the job to ask for one (GitHub Actions: permissions: id-token: write)',
    })
  }
  const who = typeof code === 'string' ? WHO[code]?.(services) : undefined
  if (who === undefined) return error
  const { statusCode, message: why } = objectOf(cause)
  return new BallastError(
    statusCode === 401 || statusCode === 403 ? 'UNAUTHORIZED' : 'REMOTE',
    `${who}: ${String(why ?? message)}`,
    { cause: error, hint: 'nothing was attached; run the command again once the service answers' },
  )
}
