import { shortDigest } from '../../core/index.ts'
import type { PushResult } from '../../workflows/push.ts'
import type { PushImageRequest } from '../../workflows/push-image.ts'
import { imageAccess } from '../image-access.ts'
import { LOCK_OPTION } from '../lock-option.ts'
import { REGISTRY_OPTIONS, type RegistryOptions } from '../registry-options.ts'
import { formatMoved } from '../render/moved.ts'
import { formatBytes } from '../render/text.ts'
import type { Session } from '../session.ts'
import { defineVerb } from '../verb.ts'

interface PushOptions extends RegistryOptions {
  readonly lock?: boolean
  readonly image?: boolean
  readonly as?: string
}

export const verb = defineVerb<[string, string, PushOptions]>({
  usage: 'push <ref> <remote>',
  summary: 'send a version to a registry or a bucket, with its number and what is attached to it',
  details:
    'REMOTE is HOST/NAME:TAG of a registry, s3://BUCKET/PATH/NAME:TAG of a bucket (gs://, az://), or oci:DIRECTORY:TAG for a\n' +
    'directory that can be carried somewhere. Without a tag that of\n' +
    'REF is meant. The version also gets its number as a tag, which never moves: it is the same version everywhere.\n' +
    'What is stored is a ModelPack artifact: each file is one blob, its bytes as they are. Layers of images hold the same\n' +
    'files inside tar archives, so these are other bytes: embed sends its own.\n' +
    'With --image an image of the model alone is pushed, at /models/NAME as in an image that has it embedded, and with the same\n' +
    'layers. Kubernetes mounts it as an image volume (1.33 and later) and KServe by oci+native; it has no shell, which a\n' +
    'modelcar needs. Give it a name or tag of its own.',
  options: [
    ['--image', 'an image that can be mounted, for amd64 and arm64, instead of an artifact'],
    ['--as <name>', 'of an image: the directory below /models (default: the last part of the model name)'],
    ...REGISTRY_OPTIONS,
    LOCK_OPTION,
  ],
  examples: [
    'ballast push sentiment:prod localhost:5000/sentiment',
    'ballast push sentiment:3 registry.example/team/sentiment:candidate',
    'ballast push sentiment:prod s3://models/team/sentiment',
    'ballast push sentiment oci:./carry:latest',
    'ballast push sentiment:3 registry.example/team/sentiment-image:3 --image',
  ],
  movesBytes: true,
  async run(session, ref, remote, options) {
    const access = { ...imageAccess(session.io, options), lock: options.lock }
    if (options.image === true) return runImage(session, { ref, remote, as: options.as, access })
    const { push } = await import('../../workflows/push.ts')
    const result = await push(await session.store(), { ref, remote, access }, session)
    session.print(result, () => describe(result))
  },
})

async function runImage(session: Session, request: PushImageRequest): Promise<void> {
  const { pushImage } = await import('../../workflows/push-image.ts')
  const result = await pushImage(await session.store(), request, session)
  const { image, digest, ref, path, layers, bytesSent, former, pod, ms } = result
  session.print(
    result,
    () =>
      `${image}   ${shortDigest(digest)}   ${ref} at ${path}, for amd64 and arm64\n` +
      `as layers; ${formatMoved({ blobs: layers, bytesSent, attached: 0, ms })}\n` +
      `${former === undefined ? '' : `the former image is ${former}\n`}\n${pod}`,
  )
}

function describe({ ref, digest, tag, blobs, bytes, bytesSent, attached, ms }: PushResult): string {
  return (
    `${ref}   ${shortDigest(digest)}${tag === undefined ? '' : `   ${tag}`}\n` +
    `${formatBytes(bytes)} as files (ModelPack); ${formatMoved({ blobs, bytesSent, attached, ms })}\n`
  )
}
