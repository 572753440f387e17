import { BallastError } from '../core/index.ts'
import type { SignWith } from '../workflows/sign.ts'
import type { KeylessServices, SigningConfig } from '../workflows/sign-keyless.ts'
import { keyPassword } from './key-password.ts'
import type { Session } from './session.ts'
import type { VerbOption } from './verb.ts'

/** With what something is signed: a key, or an identity. */
export interface SignWithOptions {
  readonly key?: string
  readonly keyless?: boolean
  readonly identityToken?: string
  readonly fulcioUrl?: string
  readonly rekorUrl?: string
  readonly timestampServerUrl?: string
  readonly signingConfig?: string
}

export const IDENTITY_OPTIONS: readonly VerbOption[] = [
  ['--keyless', 'sign as the CI job that this is, or as $SIGSTORE_ID_TOKEN says'],
  [
    '--identity-token <file>',
    'sign as whom this token of an identity provider stands for (- for standard input)',
  ],
  ['--fulcio-url <url>', 'the certificate authority (default: the public one)'],
  ['--rekor-url <url>', 'the transparency log (default: the public one)'],
  ['--timestamp-server-url <url>', 'a timestamp authority, beside the log'],
  [
    '--signing-config <file>',
    'the services of an instance in one file (signing_config.json), in place of addresses',
  ],
]

/** Throws USAGE where none or several are named, and what reading the key throws. */
export async function signerBy(session: Session, options: SignWithOptions): Promise<SignWith> {
  const { key, keyless = false, identityToken } = options
  const ways = [key !== undefined, keyless, identityToken !== undefined].filter(Boolean).length
  if (ways !== 1) {
    throw new BallastError(
      'USAGE',
      ways === 0 ? 'nothing to sign with' : 'more than one thing to sign with',
      {
        hint: 'name one of --key FILE (ballast generate-key-pair makes one), --keyless and --identity-token FILE',
      },
    )
  }
  if (key !== undefined) {
    const { signerFrom } = await import('../workflows/signers.ts')
    return { kind: 'key', signer: await signerFrom(key, () => keyPassword(session, key)) }
  }
  const { checkToken, keylessSigner } = await import('../workflows/sign-keyless.ts')
  const token =
    identityToken === undefined ? undefined : checkToken(await tokenIn(identityToken), identityToken)
  return { kind: 'identity', sign: keylessSigner(await servicesBy(session, options), token) }
}

async function servicesBy(
  session: Session,
  { signingConfig, fulcioUrl, rekorUrl, timestampServerUrl: timestamps }: SignWithOptions,
): Promise<KeylessServices | SigningConfig> {
  const { PUBLIC_FULCIO, PUBLIC_REKOR, readSigningConfig } = await import('../workflows/sign-keyless.ts')
  if (signingConfig !== undefined) {
    if ([fulcioUrl, rekorUrl, timestamps].some((url) => url !== undefined)) {
      throw new BallastError('USAGE', '--signing-config names the services already', {
        hint: 'leave --fulcio-url, --rekor-url and --timestamp-server-url out',
      })
    }
    const { readFile } = await import('node:fs/promises')
    return readSigningConfig(await readFile(signingConfig, 'utf8'), signingConfig)
  }
  const rekor = rekorUrl ?? PUBLIC_REKOR
  if (rekor === PUBLIC_REKOR) {
    session.note(`the identity that signs is recorded at ${rekor}, for everybody to see`)
  }
  return { fulcio: fulcioUrl ?? PUBLIC_FULCIO, rekor, timestamps }
}

/** A file, because every process of the machine can read what stands on a command line. */
async function tokenIn(file: string): Promise<string> {
  if (/^ey[\w-]+\./.test(file)) {
    throw new BallastError(
      'USAGE',
      'the identity token itself stands on the command line, where others can read it',
      {
        hint: 'write it to a file and name that, pipe it in (--identity-token -), or set SIGSTORE_ID_TOKEN and use --keyless',
      },
    )
  }
  if (file === '-') return (await import('node:stream/consumers')).text(process.stdin)
  return (await import('node:fs/promises')).readFile(file, 'utf8')
}
