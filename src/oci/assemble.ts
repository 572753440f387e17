import { BallastError, type Digest, digestOf } from '../core/index.ts'
import { OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, objectOf } from '../model/index.ts'
import type { Image, LayerDescriptor } from './image-config.ts'
import { type EmbeddedModel, type Position, writeLabel } from './image-label.ts'
import type { StoredManifest } from './image-repository.ts'
import { layersOf } from './own-layers.ts'

/** Engines refuse to run an image of more (moby `maxLayerDepth`, tried on 20.10). */
export const MOST_LAYERS = 125

/** An uncompressed layer: its digest is its diffID too. `size` in bytes. */
export interface AddedLayer {
  readonly digest: Digest
  readonly size: number
  /** For `docker history`. */
  readonly createdBy: string
  /** Below the base's own layers or, by default, above everything (design, "Position"). */
  readonly position?: Position | undefined
}

export interface AssembleOptions {
  readonly base: Image
  /** Models of a former embed whose layers are to be taken out. */
  readonly remove: readonly EmbeddedModel[]
  /** In the order in which they are to lie on each other. */
  readonly add: readonly AddedLayer[]
  /** All models that the image holds then. */
  readonly label: readonly EmbeddedModel[]
}

export interface AssembledImage {
  readonly config: { readonly digest: Digest; readonly size: number; readonly bytes: Buffer }
  readonly manifest: StoredManifest
  /** As in the new manifest, lowest first. */
  readonly layers: readonly LayerDescriptor[]
  /** Of these layers, in the same order. */
  readonly diffIds: readonly Digest[]
}

/**
 * The image with layers taken out and put in, as an OCI manifest whatever the base was, since tools refuse mixed
 * types. Equal input gives equal bytes. Throws REFUSED above 125 layers.
 */
export function assembleImage({ base, remove, add, label }: AssembleOptions): AssembledImage {
  const { history, slots } = slotsOf(base)
  const removed = layersOf(base, remove)
  const kept = slots.filter((_, at) => !removed.has(at))
  const fresh = (position: Position): readonly Slot[] =>
    add.filter((layer) => (layer.position ?? 'top') === position).map(newSlot)
  const low = modelsBelow(kept, label)
  const all = [...kept.slice(0, low), ...fresh('bottom'), ...kept.slice(low), ...fresh('top')]
  if (all.length > MOST_LAYERS) {
    throw new BallastError(
      'REFUSED',
      `the image would have ${all.length} layers; engines run ${MOST_LAYERS}`,
      {
        hint: `mount the model instead, or build the base with at most ${MOST_LAYERS - add.length} layers`,
      },
    )
  }
  const gone = new Set(slots.filter((_, at) => removed.has(at)).map((slot) => slot.history))
  const stays = history.filter((entry) => !gone.has(entry))
  const lowest = low === 0 ? 0 : stays.indexOf((kept[low - 1] as Slot).history) + 1
  const config = encode(
    writeLabel(
      {
        ...base.config,
        rootfs: { type: 'layers', ...objectOf(base.config.rootfs), diff_ids: all.map((slot) => slot.diffId) },
        history: [
          ...stays.slice(0, lowest),
          ...fresh('bottom').map((slot) => slot.history),
          ...stays.slice(lowest),
          ...fresh('top').map((slot) => slot.history),
        ],
      },
      label,
    ),
  )
  // A copy of the former config's bytes (`data`) or places to get them from would belie the new digest.
  const { data: _data, urls: _urls, ...descriptor } = objectOf(base.manifest.config)
  const manifest = encode({
    ...base.manifest,
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { ...descriptor, mediaType: OCI_CONFIG, digest: config.digest, size: config.size },
    layers: all.map((slot) => slot.layer),
  })
  return {
    config,
    manifest: { mediaType: OCI_MANIFEST, digest: manifest.digest, bytes: manifest.bytes },
    layers: all.map((slot) => slot.layer),
    diffIds: all.map((slot) => slot.diffId),
  }
}

type HistoryEntry = Readonly<Record<string, unknown>>

/** What belongs together: a layer, its diffID and its entry of the history. */
interface Slot {
  readonly layer: LayerDescriptor
  readonly diffId: Digest
  readonly history: HistoryEntry
}

const EPOCH = '1970-01-01T00:00:00Z'

function newSlot({ digest, size, createdBy }: AddedLayer): Slot {
  return {
    layer: { mediaType: OCI_LAYER, digest, size },
    diffId: digest,
    history: { created: EPOCH, created_by: createdBy },
  }
}

/**
 * Pairs the base's layers with its history. A history that is missing or too short is filled up and one that is too
 * long is marked as layerless, since engines count its entries and builders are known to get them wrong.
 */
function slotsOf(base: Image): { history: readonly HistoryEntry[]; slots: readonly Slot[] } {
  const stated: readonly unknown[] = Array.isArray(base.config.history) ? base.config.history : []
  const history: HistoryEntry[] = []
  const paired: HistoryEntry[] = []
  for (const value of stated) {
    const entry = { ...objectOf(value) }
    const surplus = entry.empty_layer !== true && paired.length === base.layers.length
    if (entry.empty_layer !== true && !surplus) paired.push(entry)
    history.push(surplus ? { ...entry, empty_layer: true } : entry)
  }
  while (paired.length < base.layers.length) {
    const entry = { created: EPOCH, created_by: 'a layer of the base image, without history' }
    paired.push(entry)
    history.push(entry)
  }
  const slots = base.layers.map((layer, at) => ({
    layer: { ...layer, mediaType: ociLayerType(layer.mediaType) },
    diffId: base.diffIds[at] as Digest,
    history: paired[at] as HistoryEntry,
  }))
  return { history, slots }
}

/** What the image's history says made each of its layers, base first. */
export function layerHistory(base: Image): readonly string[] {
  return slotsOf(base).slots.map(({ history }) => String(history.created_by ?? ''))
}

/**
 * How many of the lowest layers are models' that stay. New ones go above these and below the base's own, so that
 * whoever has the models that stay keeps them (ChainID: a layer is the same only above the same layers).
 */
function modelsBelow(kept: readonly Slot[], label: readonly EmbeddedModel[]): number {
  const own = new Set(label.flatMap(({ layers }) => layers))
  const first = kept.findIndex(({ diffId }) => !own.has(diffId))
  return first < 0 ? kept.length : first
}

const DOCKER_LAYER = 'application/vnd.docker.image.rootfs.diff.tar'
const DOCKER_FOREIGN_LAYER = 'application/vnd.docker.image.rootfs.foreign.diff.tar'
const OCI_FOREIGN_LAYER = 'application/vnd.oci.image.layer.nondistributable.v1.tar'

/** Docker's names of layer types in OCI's; any other type unchanged. */
export function ociLayerType(mediaType: string): string {
  const [, type, compression] = /^(.*\.diff\.tar)(?:\.(gzip|zstd))?$/.exec(mediaType) ?? []
  const oci = { [DOCKER_LAYER]: OCI_LAYER, [DOCKER_FOREIGN_LAYER]: OCI_FOREIGN_LAYER }[type ?? '']
  if (oci === undefined) return mediaType
  return compression === undefined ? oci : `${oci}+${compression}`
}

function encode(json: Readonly<Record<string, unknown>>): { digest: Digest; size: number; bytes: Buffer } {
  const bytes = Buffer.from(JSON.stringify(json))
  return { digest: digestOf(bytes), size: bytes.length, bytes }
}
