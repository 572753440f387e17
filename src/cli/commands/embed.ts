import { BallastError, shortDigest } from '../../core/index.ts'
import type { EmbedImageResult } from '../../workflows/embed.ts'
import { imageAccess } from '../image-access.ts'
import { formatBytes, formatCount, formatDuration } from '../render/text.ts'
import { defineVerb } from '../verb.ts'

interface EmbedOptions {
  readonly tag?: string
  readonly at?: string
  readonly as?: string
  readonly platform?: string
  readonly plainHttp?: string
}

export const verb = defineVerb<[string[], EmbedOptions]>({
  usage: 'embed <operands...>',
  summary: 'append models to an image as layers, without a build: embed REF[=PATH]… IMAGE -t NEWIMAGE',
  details:
    'The model is at /models/NAME in the image and, through a link, at PATH, where the application looks for it.\n' +
    'A model that the image holds already is replaced; its former image stays under NEWTAG.was-N for a rollback.\n' +
    'An image is HOST/NAME:TAG in a registry, oci:DIRECTORY:TAG, or archive:FILE as docker save and docker load have it\n' +
    '(archive:FILE:NAME:TAG for one image of several). An archive that is there is replaced, and no former image stays.',
  options: [
    ['-t, --tag <image>', 'the name of the resulting image'],
    ['--at <path>', 'PATH, for a single model'],
    ['--as <name>', 'the directory below /models (default: the last part of the model name)'],
    ['--platform <platform>', 'which image of an index, as linux/amd64'],
    ['--plain-http <host>', 'a registry without TLS, beside those on this machine (several: A,B)'],
  ],
  examples: [
    'ballast embed sentiment:prod=/app/models localhost:5000/my_ml_app:latest -t localhost:5000/my_ml_app:v2',
    'ballast embed sentiment:3 oci:./image:base -t oci:./image:v3 --at /app/models',
  ],
  async run(session, operands, options) {
    const models = operands.slice(0, -1)
    const image = operands.at(-1)
    if (image === undefined || models.length === 0) {
      throw new BallastError('USAGE', 'embed needs a model and an image', {
        hint: 'ballast embed sentiment:prod=/app/models localhost:5000/my_ml_app:latest -t localhost:5000/my_ml_app:v2',
      })
    }
    if (options.tag === undefined) {
      throw new BallastError('USAGE', 'which name should the resulting image have?', {
        hint: `name it with -t; to replace the image itself: -t ${image}`,
      })
    }
    const { embed } = await import('../../workflows/embed.ts')
    const request = {
      models,
      image,
      result: options.tag,
      at: options.at,
      as: options.as,
      platform: options.platform,
      access: imageAccess(session.io, options.plainHttp?.split(',')),
    }
    const result = await embed(await session.store(), request, session)
    for (const warning of result.warnings) session.note(`warning: ${warning}`)
    session.print(result, () => describe(result))
  },
})

function describe({ image, digest, models, layers, bytesSent, former, ms }: EmbedImageResult): string {
  const count = (how: string): number => layers.filter((layer) => layer.how === how).length
  const parts = [
    [count('sent'), 'sent'],
    [count('mounted'), 'mounted from another repository'],
    [count('exists'), 'there already'],
  ] as const
  const moved = parts.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`)
  return (
    `${image}   ${shortDigest(digest)}   with ${models.map(({ ref, path }) => `${ref} at ${path}`).join(', ')}\n` +
    `${formatCount(layers.length, 'layer')}: ${moved.join(', ')}; ${formatBytes(bytesSent)} sent in ${formatDuration(ms)}\n` +
    `${former === undefined ? '' : `the former image is ${former}; to return to it: ballast rollback ${image}\n`}`
  )
}
