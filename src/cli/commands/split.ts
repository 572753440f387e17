import type { ReloadFlags } from '../../model/index.ts'
import { engineChoice } from '../engine-choice.ts'
import { imageAccess } from '../image-access.ts'
import { type ReloadChoices, reloadTask } from '../mount-verbs.ts'
import { RELOAD_OPTIONS } from '../reload-options.ts'
import { describeImageVariants, describeVariants } from '../render/variants.ts'
import { defineVerb } from '../verb.ts'

interface SplitFlags extends ReloadFlags, ReloadChoices {
  readonly withdraw?: readonly string[]
  readonly update?: boolean
  readonly as?: string
  readonly plainHttp?: string
}

export const verb = defineVerb<[string, string[], SplitFlags]>({
  usage: 'split <target> [name=weight...]',
  summary: 'share the requests of a mounted model among several versions of it',
  details:
    'The target is a directory that follows a tag, a volume on this host, or an application of ballast.yaml. Its ' +
    'application picks with `ballast/runtime` or `ballast_runtime`: the same key gets the same variant everywhere, and a ' +
    'change of weights moves only the keys that it must.\n' +
    'NAME=REF says which version a variant is; without it, `stable` is what the target leads to, and moves with it, and any ' +
    'other name is the tag of that name. NAME=WEIGHT is said of all variants that get keys; only proportions count. ' +
    'Everything that is asked for is seen at once.\n' +
    'Without anything to change, the variants are listed.\n' +
    'With --reload or --ready, or where ballast.yaml declares `reload` for an application of the model, a change is told to it as a new ' +
    'version is (`ballast mount`): it has to say that it serves what is new, else the variants are put back as they were.\n' +
    'Of an image that holds a model, each variant is an image beside it, TAG.variant-NAME, which costs its manifest and what ' +
    'differs: NAME=REF makes one, --withdraw removes its tag. Requests are shared by whoever sends them.',
  options: [
    ['--withdraw <name...>', 'take a variant away, and give its keys to the others (several: once each)'],
    ['--update', 'bring variants that are tags to what these point to now'],
    ['--as <link>', 'the name of the link, where the target holds several models'],
    ...RELOAD_OPTIONS,
    ['--plain-http <host>', 'a registry without TLS, beside those on this machine (several: A,B)'],
  ],
  examples: [
    'ballast split ./models stable=90 canary=10 canary=sentiment:4',
    'ballast split sentiment-api stable=50 canary=50',
    'ballast split ./models --withdraw canary',
    'ballast split ./models',
    'ballast split localhost:5000/my_ml_app:v2 canary=sentiment:4',
  ],
  movesBytes: true,
  async run(session, operand, assignments, { withdraw = [], update = false, as, plainHttp, ...reload }) {
    const { split, splitImage } = await import('../../workflows/split.ts')
    const { isImageOperand } = await import('../../workflows/image-variants.ts')
    if (isImageOperand(operand)) {
      const access = imageAccess(session.io, { plainHttp })
      const images = await splitImage(
        await session.store(),
        { operand, assignments, withdraw, update },
        { signal: session.signal, onProgress: session.onProgress, access },
      )
      for (const warning of images.warnings) session.note(`warning: ${warning}`)
      session.print(images, () => describeImageVariants(images))
      return
    }
    const request = { operand, assignments, withdraw, update, as, directory: '.' }
    const result = await split(await session.store(), request, {
      signal: session.signal,
      onProgress: session.onProgress,
      engine: engineChoice(session.io),
      reloadOf: (target) => reloadTask(session, target, reload),
    })
    for (const warning of result.warnings) session.note(`warning: ${warning}`)
    session.print(result, () => describeVariants(result))
  },
})
