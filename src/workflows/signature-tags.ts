import { type CallOptions, type Digest, digestOf } from '../core/index.ts'
import { arrayOf, type Json, OCI_CONFIG, OCI_MANIFEST, objectOf, parseJson } from '../model/index.ts'
import type { ImageRepository, StoredManifest } from '../oci/index.ts'
import { SIMPLE_SIGNING, type SimpleSignature, signaturesTag } from '../trust/index.ts'
import { putBytes } from './put-bytes.ts'

/** Of two who sign at the same time one can lose the other's entry, so each looks again and adds its own once more. */
const TRIES = 5

/**
 * Adds signatures to those that stand under the tag of a manifest's signatures, where cosign 2 looks for them: an image
 * whose layers they are. What is there already stays; how many are new.
 */
export async function addToSignaturesTag(
  repository: ImageRepository,
  { subject, signatures }: { readonly subject: Digest; readonly signatures: readonly SimpleSignature[] },
  options: CallOptions = {},
): Promise<number> {
  const tag = signaturesTag(subject)
  const wanted = signatures.map(layerOf)
  let added = 0
  for (let tries = 0; tries < TRIES; tries++) {
    const known = layersIn(await repository.getManifest(tag, options))
    const fresh = wanted.filter((layer) => !known.some((other) => isSame(other, layer)))
    if (fresh.length === 0) break
    added = Math.max(added, fresh.length)
    for (const { payload } of signatures) await putBytes(repository, payload, options)
    const { manifest, config } = imageOf([...known, ...fresh])
    await putBytes(repository, config, options)
    await repository.putManifest(manifest, tag, options)
  }
  return added
}

function layersIn(manifest: StoredManifest | undefined): readonly Json[] {
  return manifest === undefined ? [] : arrayOf(parseJson(manifest.bytes)?.layers).map(objectOf)
}

function layerOf({ payload, annotations }: SimpleSignature): Json {
  return { mediaType: SIMPLE_SIGNING, size: payload.length, digest: digestOf(payload), annotations }
}

function isSame(a: Json, b: Json): boolean {
  const [left, right] = [objectOf(a.annotations), objectOf(b.annotations)]
  const keys = new Set([...Object.keys(left), ...Object.keys(right)])
  return a.digest === b.digest && [...keys].every((key) => left[key] === right[key])
}

function imageOf(layers: readonly Json[]): { readonly manifest: StoredManifest; readonly config: Buffer } {
  const epoch = '0001-01-01T00:00:00Z'
  const config = Buffer.from(
    JSON.stringify({
      architecture: '',
      created: epoch,
      history: layers.map(() => ({ created: epoch })),
      os: '',
      rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
      config: {},
    }),
  )
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { mediaType: OCI_CONFIG, size: config.length, digest: digestOf(config) },
      layers,
    }),
  )
  return { manifest: { mediaType: OCI_MANIFEST, digest: digestOf(bytes), bytes }, config }
}
