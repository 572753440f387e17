import { BallastError, type Digest } from '../core/index.ts'
import { childrenOf, type Descriptor } from './descriptors.ts'
import { objectOf, parseJson } from './json.ts'
import { FILE_METADATA, FILE_PATH, MODEL_MANIFEST, OCI_CONFIG, TITLE } from './media-types.ts'

/** One layer of a model as other tools have it. */
export interface ArtifactLayer {
  readonly digest: Digest
  /** In bytes, as it is stored. */
  readonly size: number
  /** A file's bytes as they are, a file that is compressed, or a tar archive, compressed or not. */
  readonly form: 'file' | 'compressed' | 'archive'
  /** The file's path; of an archive what its only file is called, where it says so. */
  readonly path: string | undefined
}

/** A model as an OCI artifact of some tool. */
export interface Artifact {
  /** For people: `ModelPack`, `KitOps ModelKit`. */
  readonly kind: string
  readonly layers: readonly ArtifactLayer[]
}

const DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json'
/** What the specification was called before July 2025, and what some tools still write. */
const LEGACY_PATH = 'org.cnai.model.filepath'
const LEGACY_METADATA = 'org.cnai.model.file.metadata+json'

const MODEL_PACK_LAYER =
  /^application\/vnd\.(?:cncf|cnai)\.model\.[\w.]+\.v1\.(raw|tar|gguf|safetensors)(\+\w+)?$/
const KIT_LAYER = /^application\/vnd\.kitops\.modelkit\.\w+\.v1\.(raw|tar)(\+\w+)?$/
const DOCKER_LAYER = /^application\/vnd\.docker\.ai\.(.+)$/

/** What Docker Model Runner calls the files of layers that have no path. */
const DOCKER_NAMES: readonly (readonly [RegExp, string])[] = [
  [/^gguf\.v3\.lora$/, 'lora.gguf'],
  [/^gguf\.v3$/, 'model.gguf'],
  [/^(?:gguf\.v3\.)?mmproj$/, 'model.mmproj'],
  [/^safetensors$/, 'model.safetensors'],
  [/^dduf$/, 'model.dduf'],
  [/^license$/, 'LICENSE'],
  [/^chat\.template\.jinja$/, 'chat_template.jinja'],
]

/** Typeflags of directories: as tar writes them, and as a number of its own. */
const DIRECTORY_FLAGS: readonly unknown[] = [5, 53]

/**
 * The layers of a model of another tool: CNCF ModelPack in all its forms and former names, KitOps ModelKits, artifacts of
 * Docker Model Runner, and files that `oras push` has named. Undefined for an image or an index, and for an artifact of which no layer
 * is a file. Throws DAMAGED for what is no manifest, REFUSED for a layer of which it is not known what it is called.
 */
export function decodeArtifact(manifest: Uint8Array): Artifact | undefined {
  const parsed = parseJson(manifest)
  const config = objectOf(parsed?.config)
  if (parsed?.manifests !== undefined || isImageConfig(config.mediaType)) return undefined
  const all = childrenOf(manifest)
    .slice(parsed?.config === undefined ? 0 : 1)
    .filter((layer) => !isDirectory(layer))
  const layers = all.map(decodeLayer)
  const named = layers.filter((layer) => layer !== undefined)
  if (named.length === 0) return undefined
  const unknown = all[layers.indexOf(undefined)]
  if (unknown !== undefined) {
    throw new BallastError('REFUSED', `a layer of type ${unknown.mediaType} says no path of its file`, {
      hint: 'ask whoever pushed it to name its files (org.cncf.model.filepath or org.opencontainers.image.title)',
    })
  }
  return { kind: kindOf(parsed?.artifactType, all), layers: distinct(named) }
}

function isImageConfig(mediaType: unknown): boolean {
  return mediaType === OCI_CONFIG || mediaType === DOCKER_CONFIG
}

function isDirectory({ annotations }: Descriptor): boolean {
  const text = annotations?.[FILE_METADATA] ?? annotations?.[LEGACY_METADATA]
  return text !== undefined && DIRECTORY_FLAGS.includes(parseJson(Buffer.from(text))?.typeflag)
}

function decodeLayer({ mediaType, digest, size, annotations = {} }: Descriptor): ArtifactLayer | undefined {
  const given = annotations[FILE_PATH] ?? annotations[LEGACY_PATH] ?? annotations[TITLE]
  // Tools that walk a directory write `./` before it.
  const path = given?.replace(/^(?:\.\/)+/, '')
  const [, form, compression] = MODEL_PACK_LAYER.exec(mediaType) ?? KIT_LAYER.exec(mediaType) ?? []
  if (form === 'tar') return { digest, size, form: 'archive', path }
  const [, docker] = DOCKER_LAYER.exec(mediaType) ?? []
  if (docker?.endsWith('.tar')) return { digest, size, form: 'archive', path }
  const name = path ?? (docker && DOCKER_NAMES.find(([pattern]) => pattern.test(docker))?.[1])
  if (name === undefined) return undefined
  return { digest, size, form: compression === undefined ? 'file' : 'compressed', path: name }
}

/** The same file under the same name is listed twice by tools that find it by several patterns. */
function distinct(layers: readonly ArtifactLayer[]): readonly ArtifactLayer[] {
  return [...new Map(layers.map((layer) => [`${layer.path} ${layer.digest}`, layer])).values()]
}

function kindOf(artifactType: unknown, layers: readonly Descriptor[]): string {
  const some = (pattern: RegExp): boolean => layers.some(({ mediaType }) => pattern.test(mediaType))
  if (some(KIT_LAYER)) return 'KitOps ModelKit'
  if (some(DOCKER_LAYER)) return 'model of Docker Model Runner'
  return artifactType === MODEL_MANIFEST || some(MODEL_PACK_LAYER) ? 'ModelPack' : 'artifact'
}
