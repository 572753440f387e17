import { BallastError, shortDigest } from '../../core/index.ts'
import { imageAccess } from '../image-access.ts'
import { keyPassword } from '../key-password.ts'
import { LOCK_OPTION } from '../lock-option.ts'
import { REGISTRY_OPTIONS, type RegistryOptions } from '../registry-options.ts'
import { defineVerb } from '../verb.ts'

interface ApproveOptions extends RegistryOptions {
  readonly key?: string
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
    ...REGISTRY_OPTIONS,
    LOCK_OPTION,
  ],
  headings: { '--plain-http': 'Registries and buckets:' },
  examples: [
    'ballast approve sentiment:3 prod --key alice.key',
    "ballast approve registry.example/models/sentiment:3 prod --key bob.key --why 'the error budget allows it'",
  ],
  async run(session, ref, stage, { key, why, by, lock, ...registry }) {
    if (key === undefined) {
      throw new BallastError('USAGE', 'nothing to sign the approval with', {
        hint: 'name a private key: --key FILE (ballast generate-key-pair makes one)',
      })
    }
    const { signerFrom } = await import('../../workflows/signers.ts')
    const { approve } = await import('../../workflows/approve.ts')
    const signer = await signerFrom(key, () => keyPassword(session, key))
    const access = { ...imageAccess(session.io, registry), lock }
    const request = { ref, stage, with: { kind: 'key', signer } as const, why, by, access }
    const result = await approve(await session.store(), request, { signal: session.signal })
    session.print(
      result,
      () =>
        `${result.ref}   ${shortDigest(result.digest)}   approved for ${result.stage} by key ${shortDigest(signer.publicKey.id)}\n`,
    )
  },
})
