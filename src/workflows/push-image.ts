import { BallastError, type CallOptions, type Digest, isDigest } from '../core/index.ts'
import { embed, type Transferred } from '../embed/index.ts'
import { MODEL_MANIFEST, parseJson } from '../model/index.ts'
import { directoryOf, SCRATCH, scratchImages } from '../oci/index.ts'
import type { Store } from '../store/index.ts'
import type { ImageAccess } from './image-places.ts'
import { refuseStageAt } from './remote-stages.ts'
import { openRemote, type Remote } from './remotes.ts'
import { damageOf, resolveVersion } from './resolve.ts'

export interface PushedImage {
  /** Where it is now, by the tag. */
  readonly image: string
  /** Of the index. */
  readonly digest: Digest
  readonly ref: string
  /** Where the files are in the image. */
  readonly path: string
  readonly layers: readonly Transferred[]
  readonly bytesSent: number
  /** The tag of the image that the tag led to before. */
  readonly former: string | undefined
  /** A Pod that mounts it. */
  readonly pod: string
  readonly ms: number
}

export interface PushImageRequest {
  readonly ref: string
  /** `HOST/NAME[:TAG]`; without a tag that of `ref` is meant. */
  readonly remote: string
  /** The directory's name below `/models`. */
  readonly as?: string | undefined
  readonly access: ImageAccess
}

/**
 * A version becomes an image of nothing else, for amd64 and arm64, that container engines can mount: its layers are those
 * that `embed` adds to applications, so that a registry has them once. Throws what `embed` throws.
 */
export async function pushImage(
  store: Store,
  { ref, remote: text, as: name, access }: PushImageRequest,
  options: CallOptions = {},
): Promise<PushedImage> {
  const started = performance.now()
  const resolved = await resolveVersion(store, ref)
  const remote = await openRemote(text, access, { create: true, store })
  const { repository } = remote
  if (isDigest(remote.reference)) {
    throw new BallastError('USAGE', `${text}: the digest of an image cannot be chosen`, {
      hint: 'name a tag',
    })
  }
  const reference = remote.isStated ? remote.reference : (resolved.reference.tag ?? `${resolved.number}`)
  await refuseModel(remote, reference, options)
  await refuseStageAt(remote, { tag: reference, digest: resolved.version.digest }, options)
  const base = { repository: scratchImages(), reference: SCRATCH }
  try {
    const models = [{ ...resolved, name, path: undefined }]
    const pushed = await embed(store, { models, base, result: { repository, reference } }, options)
    const [model] = pushed.models
    const path = model === undefined ? '/models' : directoryOf(model)
    const image = remote.at(reference)
    return {
      image,
      digest: pushed.digest,
      ref: `${resolved.reference.name}:${resolved.number}`,
      path,
      layers: pushed.layers,
      bytesSent: pushed.bytesSent,
      former: pushed.former,
      pod: podWith(remote.at(pushed.digest)),
      ms: Math.round(performance.now() - started),
    }
  } catch (error) {
    throw (await damageOf(store, [resolved])) ?? error
  } finally {
    await repository.close?.()
  }
}

/** A tag that leads to files must not lead to an image all at once: whoever pulls it would get something else. */
async function refuseModel({ repository, at }: Remote, tag: string, options: CallOptions): Promise<void> {
  const there = await repository.getManifest(tag, options)
  if (there === undefined || parseJson(there.bytes)?.artifactType !== MODEL_MANIFEST) return
  throw new BallastError('CONFLICT', `${at(tag)} is a model as files, and no image`, {
    hint: `give the image a name or tag of its own: ${at(`${tag}-image`)}`,
  })
}

/** By the digest: a tag may mean another version on the next node. At the path that an embedded model has. */
function podWith(image: string): string {
  return [
    'apiVersion: v1',
    'kind: Pod',
    'metadata:',
    '  name: my-ml-app',
    'spec:',
    '  containers:',
    '    - name: app',
    '      image: my_ml_app:latest',
    '      volumeMounts:',
    '        - { name: model, mountPath: /models, subPath: models, readOnly: true }',
    '  volumes:',
    '    - name: model',
    `      image: { reference: "${image}", pullPolicy: IfNotPresent }`,
    '',
  ].join('\n')
}
