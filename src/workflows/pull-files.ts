import { BallastError, type CallOptions } from '../core/index.ts'
import { decodeArtifact, totalSize, type Version } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { addListing } from './add-source.ts'
import { filesOfArtifact } from './pull-artifact.ts'
import { filesOfModel, type ModelInImage, modelInImage } from './pull-image.ts'
import type { Pulled, PullPlace } from './pull-place.ts'
import { admitFromRemote } from './remote-stages.ts'
import { refuseStage } from './tag.ts'

/** As another tool pushed it, or out of an image: its files become a version, with the digest that these have everywhere. */
export async function pullFiles(
  store: Store,
  { remote, target, manifest, wanted, admit }: PullPlace,
  options: CallOptions,
): Promise<Pulled> {
  const { repository } = remote
  await using session = await store.begin()
  const artifact = decodeArtifact(manifest.bytes)
  const image =
    artifact === undefined
      ? await modelInImage(repository, { reference: manifest.digest, wanted }, options)
      : undefined
  const files = await (artifact === undefined
    ? filesOfModel(store, { session, repository, found: image as ModelInImage }, options)
    : filesOfArtifact(store, { session, repository, artifact }, options))
  await admit?.(totalSize(files))
  const { name, tag, number } = target
  if (tag !== undefined) {
    const first = `ballast pull ${remote.at(remote.reference)} ${name}:NUMBER`
    await refuseStage(store, { name, tag, first })
  }
  const reference = tag ?? number
  const added = await addListing(
    store,
    {
      name: reference === undefined ? name : `${name}:${reference}`,
      address: remote.at(remote.reference),
      listing: { revision: manifest.digest, files, skipped: [] },
      by: 'pull',
      given: number ?? image?.model.number,
      check: async (version) => {
        if (image !== undefined) refuseOther(version, image)
        await admitFromRemote(store, remote, { manifest, content: async () => ({ store, version }) }, options)
      },
    },
    options,
  )
  return {
    kind: artifact?.kind ?? 'image',
    ref: added.ref,
    digest: added.digest,
    number: Number(added.ref.slice(added.ref.lastIndexOf(':') + 1)),
    tag: added.tag,
    files: added.files,
    bytes: added.bytes,
    newBytes: added.newBytes,
    attached: 0,
    warnings: added.warnings,
  }
}

function refuseOther({ digest }: Version, { model }: ModelInImage): void {
  if (digest === model.digest) return
  throw new BallastError(
    'DAMAGED',
    `the image's files are not the version ${model.model} ${model.digest} that it names`,
    {
      hint: 'something has changed its layers since the model was embedded; capture what is there: ballast capture',
    },
  )
}
