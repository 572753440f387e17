import { BallastError, shortDigest } from '../../core/index.ts'
import { parseOperand } from '../../model/index.ts'
import type { PushResult } from '../../workflows/push.ts'
import type { PushBundleRequest } from '../../workflows/push-bundle.ts'
import type { PushImageRequest } from '../../workflows/push-image.ts'
import { imageAccess } from '../image-access.ts'
import { LOCK_OPTION } from '../lock-option.ts'
import { REGISTRY_OPTIONS, type RegistryOptions } from '../registry-options.ts'
import { formatMoved, lineInBundle } from '../render/moved.ts'
import { formatBytes, formatDuration } from '../render/text.ts'
import type { Session } from '../session.ts'
import { defineVerb } from '../verb.ts'

interface PushOptions extends RegistryOptions {
  readonly lock?: boolean
  readonly image?: boolean
  readonly as?: string
  readonly all?: boolean
}

export const verb = defineVerb<[readonly string[], PushOptions]>({
  usage: 'push <operands...>',
  summary:
    'send a version to a registry or a bucket, with its number and what is attached to it: push REF REMOTE',
  details:
    'REMOTE is HOST/NAME:TAG of a registry, s3://BUCKET/PATH/NAME:TAG of a bucket (gs://, az://), or oci:DIRECTORY:TAG for a\n' +
    'directory that can be carried somewhere. Without a tag that of\n' +
    'REF is meant. The version also gets its number as a tag, which never moves: it is the same version everywhere.\n' +
    'What is stored is a ModelPack artifact: each file is one blob, its bytes as they are. Layers of images hold the same\n' +
    'files inside tar archives, so these are other bytes: embed sends its own.\n' +
    'archive:FILE is one file for any number of versions, of several models, to be carried to where there is no network: an OCI\n' +
    'layout in a tar, with numbers, tags, signatures and whatever is attached; `ballast pull archive:FILE` takes all of it.\n' +
    'With --image an image of the model alone is pushed, at /models/NAME as in an image that has it embedded, and with the same\n' +
    'layers. Kubernetes mounts it as an image volume (1.33 and later) and KServe by oci+native; it has no shell, which a\n' +
    'modelcar needs. Give it a name or tag of its own.',
  options: [
    ['--image', 'an image that can be mounted, for amd64 and arm64, instead of an artifact'],
    ['--as <name>', 'of an image: the directory below /models (default: the last part of the model name)'],
    ['--all', 'into an archive: every version and tag of the models that are named, or of all'],
    ...REGISTRY_OPTIONS,
    LOCK_OPTION,
  ],
  examples: [
    'ballast push sentiment:prod localhost:5000/sentiment',
    'ballast push sentiment:3 registry.example/team/sentiment:candidate',
    'ballast push sentiment:prod s3://models/team/sentiment',
    'ballast push sentiment oci:./carry:latest',
    'ballast push sentiment:prod topics:3 archive:bundle.tar',
    'ballast push --all archive:everything.tar',
    'ballast push sentiment:3 registry.example/team/sentiment-image:3 --image',
  ],
  movesBytes: true,
  async run(session, operands, options) {
    const remote = operands.at(-1) ?? ''
    const refs = operands.slice(0, -1)
    if (parseOperand(remote).kind === 'archive') return runBundle(session, { refs, archive: remote }, options)
    const ref = oneOf(refs, options)
    const access = { ...imageAccess(session.io, options), lock: options.lock }
    if (options.image === true) return runImage(session, { ref, remote, as: options.as, access })
    const { push } = await import('../../workflows/push.ts')
    const result = await push(await session.store(), { ref, remote, access }, session)
    session.print(result, () => describe(result))
  },
})

function oneOf(refs: readonly string[], { all = false }: PushOptions): string {
  const [ref, ...others] = refs
  if (ref !== undefined && others.length === 0 && !all) return ref
  throw new BallastError(
    'USAGE',
    ref === undefined ? 'push what, and where?' : 'only an archive takes several',
    {
      hint: 'ballast push REF REMOTE, or ballast push REF… archive:FILE',
    },
  )
}

async function runBundle(
  session: Session,
  request: Omit<PushBundleRequest, 'all'>,
  { all = false, image = false }: PushOptions,
): Promise<void> {
  if (image || (request.refs.length === 0 && !all)) {
    throw new BallastError('USAGE', `what goes into ${request.archive}?`, {
      hint: image
        ? 'versions, without --image; an image with a model: ballast embed REF IMAGE -t archive:FILE'
        : 'ballast push REF… archive:FILE, or --all of the store',
    })
  }
  const { pushBundle } = await import('../../workflows/push-bundle.ts')
  const result = await pushBundle(await session.store(), { ...request, all }, session)
  const { archive, versions, bytes, ms } = result
  session.print(
    result,
    () =>
      `${versions.map(lineInBundle).join('')}${archive}: ${formatBytes(bytes)} written in ${formatDuration(ms)}\n`,
  )
}

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
