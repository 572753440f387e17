import { BallastError, compareBytes, type Digest, digestOf, isDigest } from '../core/index.ts'
import { childrenOf, type Descriptor, LARGEST_MANIFEST } from './descriptors.ts'
import { groupFiles } from './grouping.ts'
import { arrayOf, parseJson } from './json.ts'
import {
  FILE_METADATA,
  FILE_PATH,
  MODEL_CONFIG,
  MODEL_FILE,
  MODEL_MANIFEST,
  MODEL_PACK,
  OCI_MANIFEST,
  TITLE,
} from './media-types.ts'
import { checkPaths, type ModelFile, type Version } from './version.ts'

export interface EncodedVersion {
  readonly version: Version
  readonly manifest: Buffer
  readonly config: Buffer
  readonly configDigest: Digest
}

/**
 * The manifest of a set of files, as ModelPack model-spec has it and byte for byte as design 3 fixes it: it depends
 * on nothing but paths and contents. Throws REFUSED for no files, too many files, unsafe or clashing paths.
 */
export function encodeVersion(files: readonly ModelFile[]): EncodedVersion {
  const sorted = [...files].sort((a, b) => compareBytes(a.path, b.path))
  checkPaths(sorted)
  const { single } = groupFiles(sorted)
  if (sorted.filter(({ pack }) => pack === undefined).length !== single.length)
    throw new TypeError('the files are not packed as groupFiles has it')
  const { manifest, config, configDigest } = encodeLayers(layersOf(sorted))
  if (manifest.length > LARGEST_MANIFEST) {
    throw new BallastError('REFUSED', `the names of ${sorted.length} files are too long for one manifest`, {
      hint: 'pack the small files into one archive, or shorten their names',
    })
  }
  return { version: { digest: digestOf(manifest), files: sorted }, manifest, config, configDigest }
}

function encodeLayers(layers: readonly Descriptor[]): Omit<EncodedVersion, 'version'> {
  const config = Buffer.from(
    JSON.stringify({
      descriptor: {},
      modelfs: { type: 'layers', diffIds: layers.map((layer) => layer.digest) },
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
      layers,
    }),
  )
  return { manifest, config, configDigest }
}

/**
 * Whether a manifest is byte for byte what `encodeVersion` writes for its layers. Any other may hold the same files, and
 * its digest is not the identity of their version.
 */
export function isOwnManifest(manifest: Uint8Array): boolean {
  try {
    const layers = arrayOf(parseJson(manifest)?.layers).map((layer) => {
      const { mediaType, digest, size, annotations } = layer as Descriptor
      const path = annotations?.[FILE_PATH] ?? ''
      return layerOf(mediaType, { path, digest, size })
    })
    const known = layers.every(({ mediaType }) => mediaType === MODEL_FILE || mediaType === MODEL_PACK)
    return known && encodeLayers(layers).manifest.equals(manifest)
  } catch {
    return false
  }
}

/** Throws what `encodeVersion` would throw for files whose contents are not known yet. */
export function checkVersion(files: readonly { readonly path: string; readonly size: number }[]): void {
  checkPaths(files)
  const digest = digestOf('')
  const { single, packs } = groupFiles(files)
  const packed = packs.flatMap((group, index) =>
    group.map(({ path, size }): ModelFile => {
      return { path, size, digest, pack: { digest: digestOf(`${index}`), size: 0, offset: 0 } }
    }),
  )
  encodeVersion([...single.map(({ path, size }) => ({ path, size, digest })), ...packed])
}

/** The files that are blobs in path order, then the packs in the order of their first files. */
function layersOf(files: readonly ModelFile[]): readonly Descriptor[] {
  const packs = new Map(files.flatMap(({ pack }) => (pack === undefined ? [] : [[pack.digest, pack.size]])))
  const prefix = packPrefix(files)
  return [
    ...files
      .filter(({ pack }) => pack === undefined)
      .map(({ path, digest, size }) => layerOf(MODEL_FILE, { path, digest, size })),
    ...[...packs].map(([digest, size], index) =>
      layerOf(MODEL_PACK, { path: `${prefix}${index + 1}.tar`, digest, size }),
    ),
  ]
}

/** Other tools write archives and files into one directory, by these names: none of the model's may begin like theirs. */
function packPrefix(files: readonly { readonly path: string }[]): string {
  let prefix = 'packed-'
  while (files.some(({ path }) => path.startsWith(prefix))) prefix = `_${prefix}`
  return prefix
}

function layerOf(
  mediaType: string,
  { path, digest, size }: { readonly path: string; readonly digest: Digest; readonly size: number },
): Descriptor {
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
    mediaType,
    digest,
    size,
    annotations: { [FILE_METADATA]: JSON.stringify(metadata), [FILE_PATH]: path, [TITLE]: path },
  }
}

/** What a manifest says by itself: the files that are blobs, and the archives that hold the others. */
export interface VersionManifest {
  readonly digest: Digest
  readonly files: readonly ModelFile[]
  readonly packs: readonly { readonly digest: Digest; readonly size: number }[]
}

/**
 * Throws DAMAGED for anything but a ModelPack manifest, REFUSED for unsafe paths. The version is known only once the
 * packs have been looked into: `completeVersion`.
 */
export function decodeManifest(manifest: Uint8Array): VersionManifest {
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
  const files: ModelFile[] = []
  const packs: { digest: Digest; size: number }[] = []
  for (const layer of parsed.layers as unknown[]) {
    const { mediaType, digest, size, annotations } = (layer ?? {}) as Partial<Record<string, unknown>>
    if (mediaType !== MODEL_FILE && mediaType !== MODEL_PACK)
      return damaged(`a layer of type ${JSON.stringify(mediaType)} is not read yet`)
    if (typeof digest !== 'string' || !isDigest(digest)) return damaged('a layer without a sha256 digest')
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
      return damaged('a layer without a size')
    if (mediaType === MODEL_PACK) {
      packs.push({ digest, size })
      continue
    }
    const path = (annotations as Record<string, unknown> | undefined)?.[FILE_PATH]
    if (typeof path !== 'string') return damaged(`a layer without ${FILE_PATH}`)
    files.push({ path, digest, size })
  }
  if (packs.length === 0 || files.length > 0) checkPaths(files)
  return { digest: digestOf(manifest), files, packs }
}

/** The whole version. `packed` are the files of all its packs. Throws REFUSED for unsafe or clashing paths. */
export function completeVersion(
  { digest, files }: VersionManifest,
  packed: readonly ModelFile[] = [],
): Version {
  // Manifests of other tools have their layers in any order.
  const all = [...files, ...packed].sort((a, b) => compareBytes(a.path, b.path))
  checkPaths(all)
  return { digest, files: all }
}

/** False only for the first bytes of what cannot be a JSON object, so that weights need not be read to tell. */
export function mayBeManifest(start: Uint8Array): boolean {
  const first = start.find((byte) => !JSON_SPACE.includes(byte))
  return first === undefined || first === OPENING_BRACE
}

/** Space, tab, line feed and carriage return (RFC 8259, section 2). */
const JSON_SPACE = [0x20, 0x09, 0x0a, 0x0d]
const OPENING_BRACE = 0x7b
