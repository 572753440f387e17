import {
  BallastError,
  type ByteRange,
  type CallOptions,
  type Content,
  createHasher,
  type Digest,
  inLargePieces,
  lent,
  metered,
  throwIfAborted,
  verifiedBeside,
} from '../core/index.ts'
import type { ModelFile } from '../model/index.ts'
import { encodeHeader, paddingOf, TAR_END, type TarEntry } from '../tar/index.ts'
import { fileOf, type LayerEntry, type LayerRecipe } from './layer-recipe.ts'

/** Opens a file that a layer is made from: a blob, or a part of one. */
export type OpenFile = (file: ModelFile) => Content

/**
 * The layer's bytes, an uncompressed tar made while it is read. A range opens only the blobs that it touches; one
 * beyond the end is cut. Blobs are not verified here (see `hashLayer`), but one that gives more or fewer bytes than
 * the recipe says throws DAMAGED.
 */
export function layerContent(recipe: LayerRecipe, openFile: OpenFile): Content {
  const segments = segmentsOf(recipe)
  const size = sizeOf(segments)
  const whole = { offset: 0, length: size }
  return {
    size,
    open: (range = whole) => inLargePieces(readSegments(segments, range, (file) => openFile(file))),
    lend: (range = whole) => inLargePieces(readSegments(segments, range, (file) => lending(openFile(file)))),
  }
}

/** Its chunks are passed on at once: joined, they are copied. */
function lending(content: Content): Content {
  return { size: content.size, open: (range) => lent(content, range) }
}

export interface HashedLayer {
  /** Of the tar, uncompressed: the layer's digest and its DiffID. */
  readonly digest: Digest
  /** In bytes. */
  readonly size: number
}

/**
 * Reads the layer once, for its digest, and verifies every blob on the way: throws DAMAGED, naming blob and path,
 * rather than give the digest of bytes that are not what the recipe says. Progress: step `hash`, one item a file.
 */
export async function hashLayer(
  recipe: LayerRecipe,
  openFile: OpenFile,
  options: CallOptions = {},
): Promise<HashedLayer> {
  throwIfAborted(options.signal)
  const hasher = createHasher()
  const segments = segmentsOf(recipe)
  for (const segment of segments) {
    if (segment.kind === 'bytes') hasher.update(segment.bytes())
    else for await (const chunk of verifiedBlob(segment, openFile, options)) hasher.update(chunk)
  }
  return { digest: hasher.digest(), size: sizeOf(segments) }
}

type Segment = BytesSegment | BlobSegment

interface BytesSegment {
  readonly kind: 'bytes'
  readonly start: number
  readonly length: number
  /** Made anew each time: a layer of very many files would hold tens of MB. */
  readonly bytes: () => Buffer
}

interface BlobSegment {
  readonly kind: 'blob'
  readonly start: number
  readonly length: number
  readonly file: ModelFile
}

/** The layer from start to end: headers, padding and inline files run together, and a segment for each blob. */
function segmentsOf(recipe: LayerRecipe): readonly Segment[] {
  const segments: Segment[] = []
  let start = 0
  let makers: (() => Buffer)[] = []
  const push = (segment: Segment): void => {
    segments.push(segment)
    start += segment.length
  }
  const flush = (): void => {
    const own = makers
    const bytes = (): Buffer => Buffer.concat(own.map((make) => make()))
    makers = []
    push({ kind: 'bytes', start, length: bytes().length, bytes })
  }
  for (const entry of recipe.entries) {
    const header = tarEntryOf(entry)
    makers.push(() => encodeHeader(header))
    if (entry.kind === 'inline') makers.push(() => Buffer.from(entry.text))
    if (entry.kind === 'file') {
      flush()
      push({ kind: 'blob', start, length: entry.size, file: fileOf(entry) })
    }
    makers.push(() => Buffer.alloc(paddingOf(header.size)))
  }
  makers.push(() => TAR_END)
  flush()
  return segments
}

function tarEntryOf(entry: LayerEntry): TarEntry {
  const { path } = entry
  const plain = { path, size: 0, mode: 0o644, uid: 0, gid: 0 }
  switch (entry.kind) {
    case 'directory':
      return { ...plain, type: 'directory', mode: entry.mode, uid: entry.uid, gid: entry.gid }
    case 'file':
      return { ...plain, type: 'file', size: entry.size }
    case 'inline':
      return { ...plain, type: 'file', size: Buffer.byteLength(entry.text) }
    case 'symlink':
      return { ...plain, type: 'symlink', mode: 0o777, link: entry.target }
  }
}

function sizeOf(segments: readonly Segment[]): number {
  const last = segments.at(-1)
  return last === undefined ? 0 : last.start + last.length
}

async function* readSegments(
  segments: readonly Segment[],
  range: ByteRange,
  openFile: OpenFile,
): AsyncIterable<Uint8Array> {
  const end = Math.min(range.offset + range.length, sizeOf(segments))
  for (let index = firstTouched(segments, range.offset); index < segments.length; index++) {
    const segment = segments[index]
    if (segment === undefined || segment.start >= end) return
    const offset = Math.max(range.offset - segment.start, 0)
    const length = Math.min(segment.length, end - segment.start) - offset
    if (length <= 0) continue
    if (segment.kind === 'bytes') yield segment.bytes().subarray(offset, offset + length)
    else yield* readBlob(segment, { offset, length }, openFile)
  }
}

/** The segments are in order without gaps, so the first that ends behind `offset` is found by halving. */
function firstTouched(segments: readonly Segment[], offset: number): number {
  let low = 0
  let high = segments.length
  while (low < high) {
    const middle = (low + high) >> 1
    const { start, length } = segments[middle] as Segment
    if (start + length <= offset) low = middle + 1
    else high = middle
  }
  return low
}

async function* readBlob(
  segment: BlobSegment,
  range: ByteRange,
  openFile: OpenFile,
): AsyncIterable<Uint8Array> {
  const content = openFile(segment.file)
  const whole = range.length === segment.length
  let missing = range.length
  for await (const chunk of whole ? content.open() : content.open(range)) {
    missing -= chunk.length
    if (missing < 0) break
    yield chunk
  }
  if (missing !== 0)
    throw new BallastError('DAMAGED', `${nameOf(segment)}: its length is not ${segment.length}`)
}

async function* verifiedBlob(
  segment: BlobSegment,
  openFile: OpenFile,
  { signal, onProgress }: CallOptions,
): AsyncIterable<Uint8Array> {
  const { file } = segment
  const item = file.path
  onProgress?.({ kind: 'start', step: 'hash', item, total: segment.length })
  const count = (bytes: number): void => onProgress?.({ kind: 'bytes', step: 'hash', item, count: bytes })
  yield* verifiedBeside(metered(openFile(file).open(), count, signal), file, nameOf(segment))
  onProgress?.({ kind: 'done', step: 'hash', item, digest: file.digest })
}

function nameOf({ file }: BlobSegment): string {
  return `blob ${file.digest} of /${file.path}`
}
