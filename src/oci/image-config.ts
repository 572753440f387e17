import { BallastError, type Digest, digestOf, isDigest } from '../core/index.ts'
import {
  DOCKER_MANIFEST,
  type Json,
  OCI_CONFIG,
  OCI_MANIFEST,
  objectOf,
  type Platform,
  parseJson,
} from '../model/index.ts'
import type { StoredManifest } from './image-repository.ts'

/** A layer's descriptor with whatever else the manifest says about it. */
export interface LayerDescriptor {
  readonly mediaType: string
  readonly digest: Digest
  readonly size: number
  readonly [field: string]: unknown
}

/** An image of one platform. The raw JSON is kept, so that fields unknown to Ballast survive. */
export interface Image {
  readonly manifest: Json
  readonly config: Json
  /** Base first. */
  readonly layers: readonly LayerDescriptor[]
  /** Of the uncompressed layers, in the same order and number. */
  readonly diffIds: readonly Digest[]
}

/** Beyond any image that exists: each layer of a base may have to be fetched. */
const MOST_READ = 1000

const DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json'

/** The blob that holds the image's config. Throws REFUSED for anything but an image of one platform. */
export function configOf(manifest: StoredManifest): { readonly digest: Digest; readonly size: number } {
  const { config } = checkManifest(manifest)
  return config
}

/**
 * An OCI image manifest or Docker's schema 2 with its config. Throws DAMAGED when the config is not the one that
 * the manifest names, or layers and diffIDs differ in number; REFUSED for an artifact or a manifest of another kind.
 */
export function decodeImage(manifest: StoredManifest, configBytes: Uint8Array): Image {
  const { json, config, layers } = checkManifest(manifest)
  if (digestOf(configBytes) !== config.digest) {
    throw damaged(`its config is not the one with digest ${config.digest}`)
  }
  const parsed = parseJson(configBytes)
  if (parsed === undefined) throw damaged('its config is not JSON')
  const diffIds = objectOf(parsed.rootfs).diff_ids ?? []
  if (!Array.isArray(diffIds) || !diffIds.every((id) => typeof id === 'string' && isDigest(id))) {
    throw damaged('its config has no list of sha256 diff_ids')
  }
  if (diffIds.length !== layers.length) {
    throw damaged(`it has ${layers.length} layers and ${diffIds.length} diff_ids`)
  }
  return { manifest: json, config: parsed, layers, diffIds }
}

/** The platform that the config states. `variant` only where it does. */
export function platformOf(config: Json): Platform {
  const { os, architecture, variant } = config
  return {
    os: typeof os === 'string' && os !== '' ? os : 'linux',
    architecture: typeof architecture === 'string' && architecture !== '' ? architecture : 'amd64',
    ...(typeof variant === 'string' && variant !== '' ? { variant } : {}),
  }
}

/** Paths that the config declares as `VOLUME`. */
export function volumesOf(config: Json): readonly string[] {
  return Object.keys(objectOf(objectOf(config.config).Volumes))
}

/** What an image loses when it becomes an OCI image, in words for the user. */
export function warnings(image: Image): readonly string[] {
  const test = objectOf(objectOf(image.config.config).Healthcheck).Test
  if (!Array.isArray(test) || test.length === 0 || test[0] === 'NONE') return []
  return ['the image has a HEALTHCHECK: Docker keeps it, Podman drops it from OCI images']
}

function checkManifest({ mediaType, bytes }: StoredManifest): {
  readonly json: Json
  readonly config: LayerDescriptor
  readonly layers: readonly LayerDescriptor[]
} {
  const json = parseJson(bytes)
  if (json === undefined) throw damaged('its manifest is not JSON')
  const type = typeof json.mediaType === 'string' ? json.mediaType : mediaType
  if (json.schemaVersion === 1) throw refused('its manifest is of schema 1, which Docker gave up in 2019')
  if (type !== OCI_MANIFEST && type !== DOCKER_MANIFEST) throw refused(`its media type is ${type}`)
  const config = descriptorOf(json.config)
  if (config.mediaType !== OCI_CONFIG && config.mediaType !== DOCKER_CONFIG) {
    throw refused(`it is an artifact of type ${json.artifactType ?? config.mediaType}`)
  }
  if (!Array.isArray(json.layers)) throw damaged('its manifest has no layers')
  if (json.layers.length > MOST_READ)
    throw refused(`it has ${json.layers.length} layers, which no engine runs`)
  return { json, config, layers: json.layers.map(descriptorOf) }
}

function descriptorOf(value: unknown): LayerDescriptor {
  const { mediaType, digest, size } = objectOf(value)
  if (typeof digest === 'string' && /^sha512:/.test(digest)) throw refused(`it uses the digest ${digest}`)
  if (typeof mediaType !== 'string' || typeof digest !== 'string' || !isDigest(digest)) {
    throw damaged('a descriptor without media type or sha256 digest')
  }
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw damaged(`the descriptor ${digest} has no size`)
  }
  return { ...objectOf(value), mediaType, digest, size }
}

function damaged(why: string): BallastError {
  return new BallastError('DAMAGED', `not a valid image: ${why}`)
}

function refused(why: string): BallastError {
  return new BallastError('REFUSED', `not an image that a model can be embedded in: ${why}`, {
    hint: 'give an image of one platform with an OCI or Docker schema 2 manifest',
  })
}
