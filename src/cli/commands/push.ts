import { shortDigest } from '../../core/index.ts'
import type { PushResult } from '../../workflows/push.ts'
import { imageAccess } from '../image-access.ts'
import { LOCK_OPTION } from '../lock-option.ts'
import { REGISTRY_OPTIONS, type RegistryOptions } from '../registry-options.ts'
import { formatMoved } from '../render/moved.ts'
import { formatBytes } from '../render/text.ts'
import { defineVerb } from '../verb.ts'

interface PushOptions extends RegistryOptions {
  readonly lock?: boolean
}

export const verb = defineVerb<[string, string, PushOptions]>({
  usage: 'push <ref> <remote>',
  summary: 'send a version to a registry or a bucket, with its number and what is attached to it',
  details:
    'REMOTE is HOST/NAME:TAG of a registry, s3://BUCKET/PATH/NAME:TAG of a bucket (gs://, az://), or oci:DIRECTORY:TAG for a\n' +
    'directory that can be carried somewhere. Without a tag that of\n' +
    'REF is meant. The version also gets its number as a tag, which never moves: it is the same version everywhere.\n' +
    'What is stored is a ModelPack artifact: each file is one blob, its bytes as they are. Layers of images hold the same\n' +
    'files inside tar archives, so these are other bytes: embed sends its own.',
  options: [...REGISTRY_OPTIONS, LOCK_OPTION],
  examples: [
    'ballast push sentiment:prod localhost:5000/sentiment',
    'ballast push sentiment:3 registry.example/team/sentiment:candidate',
    'ballast push sentiment:prod s3://models/team/sentiment',
    'ballast push sentiment oci:./carry:latest',
  ],
  movesBytes: true,
  async run(session, ref, remote, options) {
    const { push } = await import('../../workflows/push.ts')
    const access = { ...imageAccess(session.io, options), lock: options.lock }
    const result = await push(await session.store(), { ref, remote, access }, session)
    session.print(result, () => describe(result))
  },
})

function describe({ ref, digest, tag, blobs, bytes, bytesSent, attached, ms }: PushResult): string {
  return (
    `${ref}   ${shortDigest(digest)}${tag === undefined ? '' : `   ${tag}`}\n` +
    `${formatBytes(bytes)} as files (ModelPack); ${formatMoved({ blobs, bytesSent, attached, ms })}\n`
  )
}
