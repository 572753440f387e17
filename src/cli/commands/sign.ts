import { BallastError, shortDigest } from '../../core/index.ts'
import { isRemote } from '../../model/index.ts'
import type { SignRequest, SignResult } from '../../workflows/sign.ts'
import { imageAccess } from '../image-access.ts'
import { LOCK_OPTION } from '../lock-option.ts'
import { REGISTRY_OPTIONS, type RegistryOptions } from '../registry-options.ts'
import { IDENTITY_OPTIONS, type SignWithOptions, signerBy } from '../sign-with.ts'
import { defineVerb } from '../verb.ts'

interface SignOptions extends RegistryOptions, SignWithOptions {
  readonly format?: string
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
      undefined,
      ['bundle', 'legacy'],
    ],
    ...IDENTITY_OPTIONS,
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

function describe({ ref, digest, form, keyId, identity, signed }: SignResult): string {
  const who = keyId === undefined ? (identity ?? 'an identity') : `key ${shortDigest(keyId)}`
  const what = form === 'bundle' ? '' : ', in the form of cosign 2'
  return signed
    ? `${ref}   ${shortDigest(digest)}   signed by ${who}${what}\n`
    : `${ref}   ${shortDigest(digest)}   ${who} has signed it already${what}\n`
}
