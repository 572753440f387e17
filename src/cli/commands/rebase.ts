import { imageAccess } from '../image-access.ts'
import { REGISTRY_OPTIONS, type RegistryOptions } from '../registry-options.ts'
import { describeFormer, describeMade } from '../render/image.ts'
import { defineVerb } from '../verb.ts'

interface RebaseOptions extends RegistryOptions {
  readonly tag?: string
  readonly platform?: string
}

export const verb = defineVerb<[string, string, RebaseOptions]>({
  usage: 'rebase <image> <base>',
  summary: 'move the models of an image to a newer build of the application: rebase IMAGE NEWBASE',
  details:
    'The models keep their paths, versions and positions. Their layers are not read, nor sent where they are already: they\n' +
    'are taken as they are, so that the versions need not be in the store; only where the directories above them have\n' +
    'changed, or they lie at the bottom, they are made anew from the store.\n' +
    'IMAGE gets the new base under its own tag, and the former image stays under TAG.was-N for a rollback; with -t the\n' +
    'result has a name of its own. Of an index every platform is moved.',
  options: [
    ['-t, --tag <image>', 'the name of the resulting image (default: IMAGE itself)'],
    ['--platform <platform>', 'of an index, that image alone, as linux/amd64'],
    ...REGISTRY_OPTIONS,
  ],
  examples: [
    'ballast rebase localhost:5000/my_ml_app:prod localhost:5000/my_ml_app:build-812',
    'ballast rebase my_ml_app:with-model my_ml_app:latest -t my_ml_app:next',
  ],
  movesBytes: true,
  async run(session, image, base, options) {
    const { rebase } = await import('../../workflows/rebase.ts')
    const request = {
      ...{ image, base, result: options.tag ?? image, platform: options.platform },
      access: imageAccess(session.io, options),
    }
    const result = await rebase(await session.store(), request, session)
    for (const warning of result.warnings) session.note(`warning: ${warning}`)
    session.print(result, () => describeMade(result) + describeFormer(result, result.operand))
  },
})
