import type { PromoteResult } from '../../workflows/promote.ts'
import { imageAccess } from '../image-access.ts'
import { LOCK_OPTION } from '../lock-option.ts'
import { REGISTRY_OPTIONS, type RegistryOptions } from '../registry-options.ts'
import { formatDigest } from '../render/text.ts'
import { defineVerb } from '../verb.ts'

interface PromoteOptions extends RegistryOptions {
  readonly why?: string
  readonly by?: string
  readonly lock?: boolean
}

export const verb = defineVerb<[string, string, PromoteOptions]>({
  usage: 'promote <ref> <stage>',
  summary: 'point a stage to a version that keeps its policy, and record who did so, when and why',
  details:
    'A stage is a tag with a policy (ballast policy). A version that does not keep it is refused, with each rule that failed and what\n' +
    'would satisfy it (exit code 4). REF may be in a registry, a bucket or a layout: the policy is the one that is kept there, and files\n' +
    'that have to be judged are brought into the store for it.',
  options: [
    ['--why <text>', 'for the history'],
    ['--by <name>', 'who promotes, for the history (default: who runs this)'],
    ...REGISTRY_OPTIONS,
    LOCK_OPTION,
  ],
  headings: { '--plain-http': 'Registries and buckets:' },
  examples: [
    'ballast promote sentiment:3 staging',
    "ballast promote sentiment:3 prod --why 'fewer false alarms'",
    'ballast promote registry.example/models/sentiment@sha256:… prod',
    'ballast promote s3://models/team/sentiment:3 prod',
  ],
  movesBytes: true,
  async run(session, ref, stage, { why, by, lock, ...registry }) {
    const { promote } = await import('../../workflows/promote.ts')
    const access = { ...imageAccess(session.io, registry), lock }
    const { signal, onProgress } = session
    const result = await promote(
      await session.store(),
      { ref, stage, why, by, access },
      { signal, onProgress },
    )
    for (const warning of result.warnings) session.note(`warning: ${warning}`)
    session.print(result, () => describe(result))
  },
})

function describe({ ref, number, digest, moved, isNew, evidence, policy }: PromoteResult): string {
  const state = moved ? '' : ' (it did already)'
  const rules = evidence.map(({ rule, found }) => `  ${rule}: ${found}\n`).join('')
  const none =
    policy === undefined
      ? `  ${isNew ? 'a new tag, without' : 'without'} a policy, so that nothing was asked\n`
      : ''
  return `${ref} ->${number === undefined ? '' : ` ${number}`}   ${formatDigest(digest)}${state}\n${rules}${none}`
}
