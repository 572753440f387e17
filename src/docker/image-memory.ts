import { type Digest, digestOf, isDigest } from '../core/index.ts'
import { objectOf, parseJson } from '../model/index.ts'
import type { StoredManifest } from '../oci/index.ts'

/**
 * What was found out about images, by their ids, which stand for what they hold: an Engine tells an image's exact config
 * and the sizes of its layers only by saving all of it. May forget.
 */
export interface ImageMemory {
  get(id: Digest): Promise<Buffer | undefined>
  put(id: Digest, data: Buffer): Promise<void>
}

export interface RememberedImage {
  readonly manifest: StoredManifest
  readonly config: Buffer
}

export function encodeRemembered({ manifest, config }: RememberedImage): Buffer {
  const { mediaType, bytes } = manifest
  return Buffer.from(JSON.stringify({ mediaType, manifest: `${bytes}`, config: `${config}` }))
}

/** Undefined for what is damaged: it can be found out again. */
export function decodeRemembered(data: Buffer | undefined): RememberedImage | undefined {
  const { mediaType, manifest, config } = objectOf(data && parseJson(data))
  if (typeof mediaType !== 'string' || typeof manifest !== 'string' || typeof config !== 'string')
    return undefined
  const [bytes, configBytes] = [Buffer.from(manifest), Buffer.from(config)]
  const named = objectOf(parseJson(bytes)?.config).digest
  if (typeof named !== 'string' || !isDigest(named) || digestOf(configBytes) !== named) return undefined
  return { manifest: { mediaType, digest: digestOf(bytes), bytes }, config: configBytes }
}
