import { shortDigest } from '../../core/index.ts'
import { imageAccess } from '../image-access.ts'
import { LOCK_OPTION } from '../lock-option.ts'
import { REGISTRY_OPTIONS, type RegistryOptions } from '../registry-options.ts'
import { formatMoved } from '../render/moved.ts'
import { defineVerb } from '../verb.ts'

interface CopyOptions extends RegistryOptions {
  readonly lock?: boolean
}

export const verb = defineVerb<[string, string, CopyOptions]>({
  usage: 'copy <from> <to>',
  summary: 'copy a model or an image from one registry or bucket to another, without storing it here',
  details:
    'Byte for byte, with all platforms of an index; a model with its number and what is attached to it. Within one registry\n' +
    'the bytes are not moved where it can mount them. FROM and TO are HOST/NAME:TAG, s3://BUCKET/PATH/NAME:TAG (gs://, az://) or\n' +
    'oci:DIRECTORY:TAG; TO without a tag gets the tag of FROM.',
  options: [...REGISTRY_OPTIONS, LOCK_OPTION],
  examples: [
    'ballast copy localhost:5000/sentiment:prod registry.example/team/sentiment',
    'ballast copy registry.example/my_ml_app:v2 oci:./carry:v2',
  ],
  movesBytes: true,
  async run(session, from, to, options) {
    const { copy } = await import('../../workflows/copy.ts')
    const access = { ...imageAccess(session.io, options), lock: options.lock }
    const result = await copy({ from, to, access }, session)
    const { ref, digest, tag } = result
    session.print(
      result,
      () =>
        `${ref}   ${shortDigest(digest)}${tag === undefined || tag === ref ? '' : `   ${tag}`}\n` +
        `${formatMoved(result)}\n`,
    )
  },
})
