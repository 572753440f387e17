import { BallastError, compareBytes, type Digest, digestOf, isDigest } from '../core/index.ts'
import { checkFilePath } from './file-path.ts'
import { parseJson } from './json.ts'
import {
  FILE_METADATA,
  FILE_PATH,
  MODEL_CONFIG,
  MODEL_FILE,
  MODEL_MANIFEST,
  OCI_MANIFEST,
  TITLE,
} from './media-types.ts'

/** A content descriptor (OCI image-spec, descriptor.md). `size` in bytes. */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: Digest
  readonly size: number
  readonly annotations?: Readonly<Record<string, string>>
  readonly artifactType?: string
  readonly platform?: Platform
}

export interface Platform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
}

/** One file of a version. `path` is relative, with `/`; `size` in bytes. */
export interface ModelFile {
  readonly path: string
  readonly digest: Digest
  readonly size: number
}

/** An immutable set of files. `digest` is the manifest's and the version's identity. `files` in order of path bytes. */
export interface Version {
  readonly digest: Digest
  readonly files: readonly ModelFile[]
}

export interface EncodedVersion {
  readonly version: Version
  readonly manifest: Buffer
  readonly config: Buffer
  readonly configDigest: Digest
}

/** Above this, files would have to be grouped: registries refuse manifests of many thousands of layers. */
export const MOST_FILES = 2000
/**
 * In bytes. Registries accept manifests of at least 4 MiB (distribution-spec, "Pushing Manifests"), and `gc` follows
 * none that are larger, so none may be written or read.
 */
export const LARGEST_MANIFEST = 4 * 1024 * 1024

/**
 * The manifest of a set of files, as ModelPack model-spec has it and byte for byte as design 3 fixes it: it depends
 * on nothing but paths and contents. Throws REFUSED for no files, too many files, unsafe or clashing paths.
 */
export function encodeVersion(files: readonly ModelFile[]): EncodedVersion {
  const sorted = [...files].sort((a, b) => compareBytes(a.path, b.path))
  checkFileSet(sorted)
  const config = Buffer.from(
    JSON.stringify({
      descriptor: {},
      modelfs: { type: 'layers', diffIds: sorted.map((file) => file.digest) },
      config: {},
    }),
  )
  const configDigest = digestOf(config)
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      artifactType: MODEL_MANIFEST,
      config: { mediaType: MODEL_CONFIG, digest: configDigest, size: config.length },
      layers: sorted.map(layerOf),
    }),
  )
  if (manifest.length > LARGEST_MANIFEST) {
    throw new BallastError('REFUSED', `the names of ${sorted.length} files are too long for one manifest`, {
      hint: 'pack the small files into one archive, or shorten their names',
    })
  }
  return { version: { digest: digestOf(manifest), files: sorted }, manifest, config, configDigest }
}

function layerOf({ path, digest, size }: ModelFile): Descriptor {
  const metadata = {
    name: path.slice(path.lastIndexOf('/') + 1),
    mode: 0o644,
    uid: 0,
    gid: 0,
    size,
    mtime: '1970-01-01T00:00:00Z',
    typeflag: 0,
  }
  return {
    mediaType: MODEL_FILE,
    digest,
    size,
    annotations: { [FILE_METADATA]: JSON.stringify(metadata), [FILE_PATH]: path, [TITLE]: path },
  }
}

/** The version that a manifest describes. Throws DAMAGED for anything but a ModelPack manifest, REFUSED for unsafe paths. */
export function decodeVersion(manifest: Uint8Array): Version {
  const damaged = (why: string): never => {
    throw new BallastError('DAMAGED', `not a model manifest: ${why}`)
  }
  if (manifest.length > LARGEST_MANIFEST) damaged(`it has more than ${LARGEST_MANIFEST} bytes`)
  const parsed = parseJson(manifest) ?? damaged('it is not JSON')
  // What `gc` follows must be what is read here, or it would remove the files of a version.
  if (parsed.schemaVersion !== 2) damaged(`its schemaVersion is ${JSON.stringify(parsed.schemaVersion)}`)
  childrenOf(manifest)
  if (parsed.artifactType !== MODEL_MANIFEST)
    damaged(`its artifactType is ${JSON.stringify(parsed.artifactType)}`)
  if (!Array.isArray(parsed.layers)) damaged('it has no layers')
  const files = (parsed.layers as unknown[]).map((layer): ModelFile => {
    const { mediaType, digest, size, annotations } = (layer ?? {}) as Partial<Record<string, unknown>>
    if (mediaType !== MODEL_FILE)
      return damaged(`a layer of type ${JSON.stringify(mediaType)} is not read yet`)
    if (typeof digest !== 'string' || !isDigest(digest)) return damaged('a layer without a sha256 digest')
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
      return damaged('a layer without a size')
    const path = (annotations as Record<string, unknown> | undefined)?.[FILE_PATH]
    if (typeof path !== 'string') return damaged(`a layer without ${FILE_PATH}`)
    return { path, digest, size }
  })
  // Manifests of other tools have their layers in any order.
  files.sort((a, b) => compareBytes(a.path, b.path))
  checkFileSet(files)
  return { digest: digestOf(manifest), files }
}

/** The descriptors that an OCI manifest or index refers to: config, layers, manifests. Throws DAMAGED. */
export function childrenOf(manifest: Uint8Array): readonly Descriptor[] {
  const parsed = parseJson(manifest)
  if (parsed === undefined) throw new BallastError('DAMAGED', 'not a manifest: it is not JSON')
  const children = [parsed.config, ...list(parsed.layers), ...list(parsed.manifests)].filter(
    (child) => child !== undefined && child !== null,
  )
  return children.map((child) => {
    const { digest, size } = child as Partial<Descriptor>
    if (typeof digest === 'string' && isDigest(digest) && typeof size === 'number') return child as Descriptor
    throw new BallastError('DAMAGED', 'not a manifest: a descriptor without sha256 digest and size')
  })
}

/**
 * The children that keep a blob alive, of any blob: none for what is no manifest. Whatever is read as a manifest
 * anywhere has to be followed here, or `gc` would remove what it refers to.
 */
export function followedFrom(blob: Uint8Array): readonly Descriptor[] {
  if (blob.length > LARGEST_MANIFEST || parseJson(blob)?.schemaVersion !== 2) return []
  try {
    return childrenOf(blob)
  } catch {
    return []
  }
}

/** False only for the first bytes of what cannot be a JSON object, so that weights need not be read to tell. */
export function mayBeManifest(start: Uint8Array): boolean {
  const first = start.find((byte) => !JSON_SPACE.includes(byte))
  return first === undefined || first === OPENING_BRACE
}

/** Space, tab, line feed and carriage return (RFC 8259, section 2). */
const JSON_SPACE = [0x20, 0x09, 0x0a, 0x0d]
const OPENING_BRACE = 0x7b

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

export function totalSize(files: readonly { readonly size: number }[]): number {
  return files.reduce((sum, file) => sum + file.size, 0)
}

function checkFileSet(files: readonly ModelFile[]): void {
  if (files.length === 0) throw new BallastError('REFUSED', 'a model needs at least one file')
  if (files.length > MOST_FILES) {
    throw new BallastError(
      'REFUSED',
      `${files.length} files: a model of more than ${MOST_FILES} is not possible yet`,
      {
        hint: 'pack the small files into one archive, or add the parts as models of their own',
      },
    )
  }
  const paths = new Set<string>()
  for (const { path } of files) {
    checkFilePath(path)
    if (paths.has(path)) throw new BallastError('REFUSED', `two files called ${JSON.stringify(path)}`)
    paths.add(path)
  }
  for (const path of paths) {
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
      if (!paths.has(path.slice(0, at))) continue
      throw new BallastError('REFUSED', `${JSON.stringify(path.slice(0, at))} is both a file and a directory`)
    }
  }
}
