import { imageAccess } from '../image-access.ts'
import { LOCK_OPTION } from '../lock-option.ts'
import { formatDigest } from '../render/text.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb<[string, { lock?: boolean; to?: string; why?: string }]>({
  usage: 'rollback <operand>',
  summary: 'return a tag, an image, a mounted directory or a volume to what it was before',
  details:
    'Rolling back twice returns to where it was, as with `helm rollback`.\n' +
    'A stage returns only to what keeps its policy now.\n' +
    'A plain name is a model; image:NAME:TAG is an image of the Docker Engine.',
  options: [
    ['--to <number>', 'of a tag of a model: the version that it is to return to, by its number'],
    ['--why <text>', 'for the history'],
    LOCK_OPTION,
  ],
  examples: [
    'ballast rollback sentiment:prod',
    "ballast rollback sentiment:prod --to 3 --why 'too many false alarms'",
    'ballast rollback localhost:5000/my_ml_app:v2',
    'ballast rollback image:my_ml_app:v2',
    'ballast rollback volume:ml_models',
    'ballast rollback s3://models/team/sentiment:prod',
  ],
  async run(session, operand, { lock, to, why }) {
    const { rollback } = await import('../../workflows/rollback.ts')
    const result = await rollback(await session.store(), operand, {
      ...session,
      to: to === undefined ? undefined : (await import('../../workflows/stage-rollback.ts')).parseNumber(to),
      why,
      access: { ...imageAccess(session.io), lock },
    })
    for (const warning of result.warnings) session.note(`warning: ${warning}`)
    const number = result.number === undefined ? '' : ` ${result.number}`
    if (result.former !== undefined) session.note(`the image that it pointed to stays as ${result.former}`)
    session.print(result, () => `${result.ref} ->${number}   ${formatDigest(result.digest)}\n`)
  },
})
