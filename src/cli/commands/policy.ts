import { BallastError } from '../../core/index.ts'
import { formatYaml, isRemote } from '../../model/index.ts'
import type { SetPolicyRequest, ShownPolicy } from '../../workflows/policies.ts'
import { imageAccess } from '../image-access.ts'
import { keyPassword } from '../key-password.ts'
import { LOCK_OPTION } from '../lock-option.ts'
import { REGISTRY_OPTIONS, type RegistryOptions } from '../registry-options.ts'
import { formatAge, formatDigest } from '../render/text.ts'
import type { Session } from '../session.ts'
import { defineVerb } from '../verb.ts'

interface PolicyOptions extends RegistryOptions {
  readonly key?: string
  readonly lock?: boolean
}

export const verb = defineVerb<[string, string, string | undefined, PolicyOptions]>({
  usage: 'policy <action> <ref> [file]',
  summary: 'set, show or remove what a version has to be before a stage may point to it',
  details:
    'ACTION is set, show or remove; REF a tag of a model (sentiment:prod), which becomes a stage; FILE is YAML or JSON:\n' +
    '  requires:\n' +
    '    signed: { by: [release.pub] }\n' +
    '    scanned: true                       # or clean: no format that can run code\n' +
    '    formats: [safetensors, onnx]\n' +
    '    metrics: { accuracy: ">=0.9" }\n' +
    '    approved: { by: [alice.pub, bob.pub, { key: carol.pub, name: carol }], count: 2 }\n' +
    '    from: staging\n' +
    'Keys are public ones, taken from files beside FILE; a signer may also be { identity: …, issuer: … }, with trustedRoot: FILE.\n' +
    'The policy is kept with the stage: in the store, a registry, a bucket or a layout. The stage then moves by promote and rollback\n' +
    'alone, and nothing is mounted, embedded, run or pulled by its name that does not keep the policy at that moment.\n' +
    'With --key the policy is signed: whoever knows the public key (--policy-key) finds out when somebody else changes it.',
  choices: { action: ['set', 'show', 'remove'] },
  options: [
    ['--key <file>', 'the private key of who stands for the policy'],
    ...REGISTRY_OPTIONS,
    LOCK_OPTION,
  ],
  headings: { '--plain-http': 'Registries and buckets:' },
  examples: [
    'ballast policy set sentiment:prod policy.yaml',
    'ballast policy set registry.example/models/sentiment:prod policy.yaml --key release.key',
    'ballast policy show sentiment',
    'ballast policy remove sentiment:prod',
  ],
  async run(session, action, ref, file, { key, lock, ...registry }) {
    const access = { ...imageAccess(session.io, registry), lock }
    const calls = { signal: session.signal }
    if (!['set', 'show', 'remove'].includes(action)) {
      throw new BallastError('USAGE', `${JSON.stringify(action)} is nothing that is done with a policy`, {
        hint: `write set, show or remove: ballast policy show ${ref}`,
      })
    }
    if (action !== 'set' && (file !== undefined || key !== undefined)) {
      throw new BallastError('USAGE', `${action} takes no ${file === undefined ? '--key' : 'file'}`, {
        hint: 'leave it out',
      })
    }
    const { removePolicy, setPolicy, showPolicies, whyNotServed } = await import(
      '../../workflows/policies.ts'
    )
    if (action === 'show') {
      const all = await showPolicies(await session.store(), { ref, access }, calls)
      const texts = await Promise.all(all.map(describe))
      session.print(all, () => texts.join('\n'))
    } else if (action === 'remove') {
      const removed = await removePolicy(await session.store(), { ref, access }, calls)
      session.print(removed, () => `${removed.stage} has no policy any more\n`)
    } else {
      if (file === undefined) {
        throw new BallastError('USAGE', `which policy should ${ref} have?`, {
          hint: `name a file: ballast policy set ${ref} policy.yaml`,
        })
      }
      const request: SetPolicyRequest = { ref, access, file, signer: await signerOf(session, key) }
      const store = await session.store()
      const result = await setPolicy(store, request, calls)
      const why = isRemote(ref) ? undefined : await whyNotServed(store, ref)
      if (why !== undefined) session.note(`warning: from now on nothing is served by ${result.stage}: ${why}`)
      session.print(
        result,
        () => `${result.stage}   policy ${formatDigest(result.digest)}${result.signed ? ', signed' : ''}\n`,
      )
    }
  },
})

async function signerOf(session: Session, key: string | undefined): Promise<SetPolicyRequest['signer']> {
  if (key === undefined) return undefined
  const { signerFrom } = await import('../../workflows/signers.ts')
  return signerFrom(key, () => keyPassword(session, key))
}

async function describe({ stage, policy, digest, time, who, signed }: ShownPolicy): Promise<string> {
  const state = `${signed ? 'signed, ' : ''}set ${formatAge(time)} by ${who}`
  return `${stage}   policy ${formatDigest(digest)}, ${state}\n${await formatYaml(policy)}`
}
