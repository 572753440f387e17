import { BallastError } from '../../core/index.ts'
import type { ReloadFlags } from '../../model/index.ts'
import { engineChoice } from '../engine-choice.ts'
import { imageAccess } from '../image-access.ts'
import { type ReloadChoices, reloadTask } from '../mount-verbs.ts'
import { RELOAD_OPTIONS } from '../reload-options.ts'
import { describeImageVariants, describeVariants } from '../render/variants.ts'
import { defineVerb } from '../verb.ts'

interface RouteFlags extends ReloadFlags, ReloadChoices {
  readonly withdraw?: boolean
  readonly as?: string
  readonly plainHttp?: string
}

export const verb = defineVerb<[string, string, string | undefined, RouteFlags]>({
  usage: 'route <target> <rule> [version]',
  summary: 'give a tenant a version of its own, whatever the weights of `split`',
  details:
    'The rule is tenant=NAME, with the name by which the application asks: pick({ key, tenant }). The version is a reference, ' +
    'or a variant of the target. The target is as of `ballast split`, which lists what there is, and so is how its application is told; of an image, the tenant ' +
    'gets an image of its own, TAG.variant-tenant-NAME.',
  options: [
    ['--withdraw', "take the tenant's rule away: its keys decide again"],
    ['--as <link>', 'the name of the link, where the target holds several models'],
    ...RELOAD_OPTIONS,
    ['--plain-http <host>', 'a registry without TLS, beside those on this machine (several: A,B)'],
  ],
  examples: [
    'ballast route ./models tenant=acme sentiment:4',
    'ballast route sentiment-api tenant=globex canary',
    'ballast route ./models tenant=acme --withdraw',
    'ballast route localhost:5000/my_ml_app:v2 tenant=acme sentiment:4',
  ],
  movesBytes: true,
  async run(session, operand, rule, version, { withdraw = false, as, plainHttp, ...reload }) {
    if (withdraw === (version !== undefined)) {
      throw new BallastError('USAGE', withdraw ? `a version and --withdraw` : 'no version was named', {
        hint: `write ballast route ${operand} ${rule} REF, or --withdraw to take the rule away`,
      })
    }
    const { route, routeImage } = await import('../../workflows/route.ts')
    const { isImageOperand } = await import('../../workflows/image-variants.ts')
    if (isImageOperand(operand)) {
      const access = imageAccess(session.io, { plainHttp })
      const images = await routeImage(
        await session.store(),
        { operand, rule, to: version },
        { signal: session.signal, onProgress: session.onProgress, access },
      )
      for (const warning of images.warnings) session.note(`warning: ${warning}`)
      session.print(images, () => describeImageVariants(images))
      return
    }
    const request = { operand, rule, to: version, as, directory: '.' }
    const result = await route(await session.store(), request, {
      signal: session.signal,
      onProgress: session.onProgress,
      engine: engineChoice(session.io),
      reloadOf: (target) => reloadTask(session, target, reload),
    })
    for (const warning of result.warnings) session.note(`warning: ${warning}`)
    session.print(result, () => describeVariants(result))
  },
})
