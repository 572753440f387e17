import { BallastError, shortDigest } from '../../core/index.ts'
import { isRemote } from '../../model/index.ts'
import type { SignRequest, SignResult, SignWith } from '../../workflows/sign.ts'
import type { KeylessServices, SigningConfig } from '../../workflows/sign-keyless.ts'
import { imageAccess } from '../image-access.ts'
import { keyPassword } from '../key-password.ts'
import { LOCK_OPTION } from '../lock-option.ts'
import { REGISTRY_OPTIONS, type RegistryOptions } from '../registry-options.ts'
import type { Session } from '../session.ts'
import { defineVerb } from '../verb.ts'

interface SignOptions extends RegistryOptions {
  readonly key?: string
  readonly format?: string
  readonly keyless?: boolean
  readonly identityToken?: string
  readonly fulcioUrl?: string
  readonly rekorUrl?: string
  readonly timestampServerUrl?: string
  readonly signingConfig?: string
  readonly lock?: boolean
}

export const verb = defineVerb<[string, SignOptions]>({
  usage: 'sign <ref>',
  summary: 'sign a version with a key, or with an identity, in a form that cosign reads',
  details:
    'What is signed is the digest that REF stands for, in the store, at a registry, in a bucket or in a layout. The signature is\n' +
    'attached to it and goes with it by push, pull and copy. With a key nothing is asked of anybody. With an identity, Fulcio\n' +
    'gives a certificate and Rekor keeps a record; on the public instance both are public for ever.',
  options: [
    ['--key <file>', 'the private key: of cosign (cosign.key), or PKCS#8 in PEM'],
    [
      '--format <form>',
      'bundle (cosign 3, and what --key makes by default) or legacy (cosign 2, under sha256-….sig)',
    ],
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
    ...REGISTRY_OPTIONS,
    LOCK_OPTION,
  ],
  headings: { '--keyless': 'With an identity:', '--plain-http': 'Registries and buckets:' },
  examples: [
    'ballast sign sentiment:3 --key cosign.key',
    'ballast sign registry.example/team/sentiment:3 --key cosign.key',
    'ballast sign registry.example/team/sentiment:3 --key cosign.key --format legacy',
    'ballast sign registry.example/team/sentiment:3 --keyless',
  ],
  async run(session, ref, options) {
    const request: SignRequest = { ref, by: await signerBy(session, options), form: formBy(options) }
    const { signRemote, signStored } = await import('../../workflows/sign.ts')
    const result = isRemote(ref)
      ? await signRemote(
          { ...request, access: { ...imageAccess(session.io, options), lock: options.lock } },
          { signal: session.signal },
        )
      : await signStored(await session.store(), request)
    session.print(result, () => describe(result))
  },
})

function formBy({ format = 'bundle' }: SignOptions): SignRequest['form'] {
  if (format === 'bundle' || format === 'legacy') return format
  throw new BallastError('USAGE', `${JSON.stringify(format)} is no form of a signature`, {
    hint: 'bundle is read by cosign 3, legacy by every cosign',
  })
}

async function signerBy(session: Session, options: SignOptions): Promise<SignWith> {
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
    const { signerFrom } = await import('../../workflows/signers.ts')
    return { kind: 'key', signer: await signerFrom(key, () => keyPassword(session, key)) }
  }
  const { checkToken, keylessSigner } = await import('../../workflows/sign-keyless.ts')
  const token =
    identityToken === undefined ? undefined : checkToken(await tokenIn(identityToken), identityToken)
  return { kind: 'identity', sign: keylessSigner(await servicesBy(session, options), token) }
}

async function servicesBy(
  session: Session,
  { signingConfig, fulcioUrl, rekorUrl, timestampServerUrl: timestamps }: SignOptions,
): Promise<KeylessServices | SigningConfig> {
  const { PUBLIC_FULCIO, PUBLIC_REKOR, readSigningConfig } = await import('../../workflows/sign-keyless.ts')
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

function describe({ ref, digest, form, keyId, identity, signed }: SignResult): string {
  const who = keyId === undefined ? (identity ?? 'an identity') : `key ${shortDigest(keyId)}`
  const what = form === 'bundle' ? '' : ', in the form of cosign 2'
  return signed
    ? `${ref}   ${shortDigest(digest)}   signed by ${who}${what}\n`
    : `${ref}   ${shortDigest(digest)}   ${who} has signed it already${what}\n`
}
