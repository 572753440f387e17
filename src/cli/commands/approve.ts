import { shortDigest } from '../../core/index.ts'
import { imageAccess } from '../image-access.ts'
import { LOCK_OPTION } from '../lock-option.ts'
import { REGISTRY_OPTIONS, type RegistryOptions } from '../registry-options.ts'
import { IDENTITY_OPTIONS, type SignWithOptions, signerBy } from '../sign-with.ts'
import { defineVerb } from '../verb.ts'

interface ApproveOptions extends RegistryOptions, SignWithOptions {
  readonly why?: string
  readonly by?: string
  readonly lock?: boolean
}

export const verb = defineVerb<[string, string, ApproveOptions]>({
  usage: 'approve <ref> <stage>',
  summary: 'approve a version for a stage, by a signed statement',
  details:
    'The statement is about the digest that REF stands for, in the store, at a registry, in a bucket or in a layout, and about that stage\n' +
    'alone. It is attached to the version and goes with it by push, pull and copy. Whose approvals count, and how many, the policy of the\n' +
    'stage says.',
  options: [
    ['--key <file>', 'the private key: of cosign (cosign.key), or PKCS#8 in PEM'],
    ['--why <text>', 'what speaks for it'],
    ['--by <name>', 'who approves, for people (default: who runs this)'],
    ...IDENTITY_OPTIONS,
    ...REGISTRY_OPTIONS,
    LOCK_OPTION,
  ],
  headings: { '--keyless': 'With an identity:', '--plain-http': 'Registries and buckets:' },
  examples: [
    'ballast approve sentiment:3 prod --key alice.key',
    "ballast approve registry.example/models/sentiment:3 prod --key bob.key --why 'the error budget allows it'",
    'ballast approve sentiment:3 prod --keyless',
  ],
  async run(session, ref, stage, options) {
    const { approve } = await import('../../workflows/approve.ts')
    const { why, by, lock } = options
    const access = { ...imageAccess(session.io, options), lock }
    const request = { ref, stage, with: await signerBy(session, options), why, by, access }
    const result = await approve(await session.store(), request, { signal: session.signal })
    const who =
      result.keyId === undefined ? (result.identity ?? 'an identity') : `key ${shortDigest(result.keyId)}`
    session.print(
      result,
      () => `${result.ref}   ${shortDigest(result.digest)}   approved for ${result.stage} by ${who}\n`,
    )
  },
})
