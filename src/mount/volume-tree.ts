import { BallastError, type CallOptions, throwIfAborted, verified } from '../core/index.ts'
import type { VolumeHelper } from '../docker/index.ts'
import { encodeMarker, encodePackedFiles, type ModelFile, OWN_DIRECTORY, parseJson } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { encodeHeader, paddingOf, TAR_END } from '../tar/index.ts'
import type { Delivery } from './delivery.ts'
import {
  DIRECTORY_MODE,
  FILE_MODE,
  GENERATIONS,
  TREE_MANIFEST,
  TREE_MARKER,
  TREE_PACKED,
  TREE_RECORD,
} from './names.ts'
import { encodeRecord, type FileRecord, type TreeRecord } from './record.ts'
import { readWhole } from './volume-view.ts'

/** A version that was delivered before and whose files are as they were when they were verified. */
export async function findWhole(
  helper: VolumeHelper,
  { candidates, files }: { readonly candidates: readonly string[]; readonly files: readonly ModelFile[] },
  options: CallOptions,
): Promise<string | undefined> {
  for (const id of candidates) {
    const tree = `${GENERATIONS}/${id}`
    const bytes = await readWhole(helper, `${tree}/${TREE_RECORD}`, options)
    const record = (bytes === undefined ? undefined : parseJson(bytes))?.files as TreeRecord | undefined
    const marker = await readWhole(helper, `${tree}/${TREE_MARKER}`, options)
    if (record === undefined || marker === undefined) continue
    const told = await tellFiles(helper, { tree, files }, options)
    const isWhole = files.every(({ path }) => {
      const [found, kept] = [told[path], record[path]]
      return found !== undefined && JSON.stringify(found) === JSON.stringify(kept)
    })
    if (isWhole) return id
  }
  return undefined
}

async function tellFiles(
  helper: VolumeHelper,
  { tree, files }: { readonly tree: string; readonly files: readonly ModelFile[] },
  options: CallOptions,
): Promise<Readonly<Record<string, FileRecord>>> {
  const told = await helper.run(
    [['sync'], ...files.map(({ path }) => ['tell', `${tree}/${path}`] as const)],
    options,
  )
  const found: Record<string, FileRecord> = {}
  for (const { path, type, size, mtimeNs, inode } of told) {
    if (type === 'file') found[path.slice(tree.length + 1)] = { size, mtimeNs, inode }
  }
  return found
}

/** Sends the version's tree to `tree/` in the directory, with Ballast's own files. Throws REMOTE for what does not arrive whole. */
export async function writeIncoming(
  store: Store,
  {
    helper,
    incoming,
    delivery,
  }: { readonly helper: VolumeHelper; readonly incoming: string; readonly delivery: Delivery },
  options: CallOptions,
): Promise<void> {
  const { version, marker } = delivery
  await helper.write(incoming, treeTar(store, version.files, options), options)
  const tree = `${incoming}/tree`
  const record = await tellFiles(helper, { tree, files: version.files }, options)
  const wrong = version.files.find(({ path, size }) => record[path]?.size !== `${size}`)
  if (wrong !== undefined) {
    throw new BallastError('REMOTE', `${wrong.path} did not arrive in the volume as it was sent`, {
      hint: 'see whether the disk of the Engine is full: docker system df',
    })
  }
  const isPacked = version.files.some(({ pack }) => pack !== undefined)
  await helper.write(
    tree,
    tarOf([
      directory(OWN_DIRECTORY),
      textFile(TREE_MANIFEST, await store.readManifest(version.digest)),
      ...(isPacked ? [textFile(TREE_PACKED, encodePackedFiles(version.files))] : []),
      textFile(TREE_RECORD, encodeRecord(record)),
      textFile(TREE_MARKER, encodeMarker(marker)),
    ]),
    options,
  )
}

/** The version's files below `tree/`, verified while they are read. */
async function* treeTar(
  store: Store,
  files: readonly ModelFile[],
  { signal, onProgress }: CallOptions,
): AsyncIterable<Uint8Array> {
  yield directory('tree')
  const made = new Set(['.'])
  for (const file of files) {
    const parts = file.path.split('/').slice(0, -1)
    for (let depth = 1; depth <= parts.length; depth++) {
      const parent = parts.slice(0, depth).join('/')
      if (!made.has(parent)) yield directory(`tree/${parent}`)
      made.add(parent)
    }
    onProgress?.({ kind: 'start', step: 'copy', item: file.path, total: file.size })
    await store.blobs.ensureIntact(file.pack ?? file)
    yield header(`tree/${file.path}`, file.size)
    for await (const chunk of verified(
      store.fileContent(file).open(),
      file,
      `the stored blob of ${file.path}`,
    )) {
      throwIfAborted(signal)
      onProgress?.({ kind: 'bytes', step: 'copy', item: file.path, count: chunk.length })
      yield chunk
    }
    yield Buffer.alloc(paddingOf(file.size))
  }
  yield TAR_END
}

/** Of entries with their headers. */
export async function* tarOf(parts: readonly Buffer[]): AsyncIterable<Uint8Array> {
  yield Buffer.concat([...parts, TAR_END])
}

function directory(path: string): Buffer {
  return encodeHeader({ path, type: 'directory', size: 0, mode: DIRECTORY_MODE, uid: 0, gid: 0 })
}

function header(path: string, size: number): Buffer {
  return encodeHeader({ path, type: 'file', size, mode: FILE_MODE, uid: 0, gid: 0 })
}

/** A header and what it is the header of. */
export function textFile(path: string, text: string | Uint8Array): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([header(path, bytes.length), bytes, Buffer.alloc(paddingOf(bytes.length))])
}
