import { BallastError } from '../../core/index.ts'
import type { EmbedImageRequest, EmbedImageResult } from '../../workflows/embed.ts'
import { imageAccess } from '../image-access.ts'
import { noteChangedAdvice } from '../note-advice.ts'
import { REGISTRY_OPTIONS, type RegistryOptions } from '../registry-options.ts'
import { describeFormer, describeMade } from '../render/image.ts'
import { formatBytes } from '../render/text.ts'
import { defineVerb } from '../verb.ts'

interface EmbedOptions extends RegistryOptions {
  readonly tag?: string
  readonly at?: string
  readonly as?: string
  readonly realPath?: boolean
  readonly position?: string
  readonly platform?: string
}

export const verb = defineVerb<[string[], EmbedOptions]>({
  usage: 'embed <operands...>',
  summary: 'append models to an image as layers, without a build: embed REF[=PATH]… IMAGE -t NEWIMAGE',
  details:
    'The model is at /models/NAME in the image and, through a link, at PATH, where the application looks for it.\n' +
    'A model that is elsewhere (HOST/NAME:TAG, s3://…, oci:DIRECTORY:TAG) is pulled into the store first.\n' +
    'A model that the image holds already is replaced; its former image stays under NEWTAG.was-N for a rollback.\n' +
    'An image is HOST/NAME:TAG in a registry, NAME:TAG in the Docker Engine (or Podman, by DOCKER_HOST), oci:DIRECTORY:TAG,\n' +
    'or archive:FILE as docker save and docker load have it\n' +
    '(archive:FILE:NAME:TAG for one image of several). An archive that is there is replaced, and no former image stays.\n' +
    'Docker takes a layer for the same only above the same layers: with the model on top, new code makes nodes pull ' +
    'the model again; at the bottom, a new model makes them pull the code again. containerd pulls by digest, so ' +
    'there it is all one.',
  options: [
    ['-t, --tag <image>', 'the name of the resulting image'],
    ['--at <path>', 'PATH, for a single model'],
    ['--as <name>', 'the directory below /models (default: the last part of the model name)'],
    ['--real-path', 'the files at PATH itself, not a link to them; stays until PATH is given again'],
    [
      '--position <where>',
      'top or bottom of the image for the layers of the model, or auto: where Docker nodes pull less ' +
        '(default: as IMAGE has it, else top)',
      undefined,
      ['top', 'bottom', 'auto'],
    ],
    [
      '--platform <platform>',
      'of an index, that image alone, as linux/amd64 (default: every platform of the index)',
    ],
    ...REGISTRY_OPTIONS,
  ],
  examples: [
    'ballast embed sentiment:prod=/app/models localhost:5000/my_ml_app:latest -t localhost:5000/my_ml_app:v2',
    'ballast embed sentiment:prod=/app/models my_ml_app:latest -t my_ml_app:with-model',
    'ballast embed sentiment:3 oci:./image:base -t oci:./image:v3 --at /app/models',
    'ballast embed sentiment:prod=/app/models localhost:5000/my_ml_app:v2 -t localhost:5000/my_ml_app:v2 --position auto',
  ],
  movesBytes: true,
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
      realPath: options.realPath,
      position: parsePosition(options.position),
      access: imageAccess(session.io, options),
    }
    const result = await embed(await session.store(), request, session)
    for (const warning of result.warnings) session.note(`warning: ${warning}`)
    session.print(result, () => describe(result))
    await noteChangedAdvice(session, { refs: models, used: 'embed' })
  },
})

function parsePosition(text: string | undefined): EmbedImageRequest['position'] {
  if (text === undefined || text === 'top' || text === 'bottom' || text === 'auto') return text
  throw new BallastError('USAGE', `--position ${text}: there is no such position`, {
    hint: 'choose top, bottom or auto',
  })
}

function describe(result: EmbedImageResult): string {
  const { image, pricing, runningFormer, toRegistry } = result
  const operand = toRegistry === undefined ? image : `image:${image}`
  return (
    describeMade(result) +
    pricing.map(describePricing).join('') +
    describeFormer(result, operand) +
    describeRunning(runningFormer) +
    (toRegistry === undefined
      ? ''
      : `docker push would compress the layers again; into a registry as they are: ${toRegistry}\n`)
  )
}

function describeRunning(containers: EmbedImageResult['runningFormer']): string {
  if (containers.length === 0) return ''
  const listed = containers.map(({ id, name }) => `  ${name}   ${id.slice(0, 12)}\n`)
  const what =
    containers.length === 1 ? '1 container still runs' : `${containers.length} containers still run`
  return `${what} the former image, with its model, until made anew:\n${listed.join('')}`
}

type Pricing = EmbedImageResult['pricing'][number]

function describePricing(pricing: Pricing): string {
  const { ref, position, because, refusal, modelBytes, baseBytes, bytesPerMonth } = pricing
  const why = {
    'no history': 'less than a week of history of the model or the code, so as it was, by default on top',
    'fewer bytes': 'fewer bytes',
    'a move would cost more than a month saves': 'a move would cost more than a month saves',
    'the bottom is not possible': `the bottom is not possible: ${refusal}`,
  }[because]
  const rates = `the model ${rateOf(pricing.modelUpdatesPerMonth)}, the code ${rateOf(pricing.codeUpdatesPerMonth)}`
  const costs =
    bytesPerMonth === null
      ? ''
      : `; a Docker node pulls about ${formatBytes(bytesPerMonth.top)} a month with top, ` +
        `${formatBytes(bytesPerMonth.bottom)} with bottom`
  return (
    `position of ${ref}: ${position} (${why})\n` +
    `  ${formatBytes(modelBytes)} of model, ${formatBytes(baseBytes)} of image; ${rates}${costs}\n`
  )
}

function rateOf(updatesPerMonth: number | null): string {
  if (updatesPerMonth === null) return 'changes at an unknown rate'
  return `changes ${Number(updatesPerMonth.toFixed(1))} times a month`
}
