import { BallastError, type CallOptions, inLargePieces, metered, verified } from '../core/index.ts'
import type { VolumeHelper } from '../docker/index.ts'
import { encodeMarker, encodePackedFiles, type ModelFile, OWN_DIRECTORY, parseJson } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { contentEntry, directoryEntry, fileEntry, TAR_END } from '../tar/index.ts'
import type { Delivery } from './delivery.ts'
import { GENERATIONS, TREE_MANIFEST, TREE_MARKER, TREE_PACKED, TREE_RECORD } from './names.ts'
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
  await helper.write(incoming, inLargePieces(treeTar(store, version.files, options)), options)
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
      directoryEntry(OWN_DIRECTORY),
      fileEntry(TREE_MANIFEST, await store.readManifest(version.digest)),
      ...(isPacked ? [fileEntry(TREE_PACKED, encodePackedFiles(version.files))] : []),
      fileEntry(TREE_RECORD, encodeRecord(record)),
      fileEntry(TREE_MARKER, encodeMarker(marker)),
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
  yield directoryEntry('tree')
  const made = new Set(['.'])
  for (const { path, size } of files) onProgress?.({ kind: 'plan', step: 'copy', item: path, total: size })
  for (const file of files) {
    const parts = file.path.split('/').slice(0, -1)
    for (let depth = 1; depth <= parts.length; depth++) {
      const parent = parts.slice(0, depth).join('/')
      if (!made.has(parent)) yield directoryEntry(`tree/${parent}`)
      made.add(parent)
    }
    const item = file.path
    onProgress?.({ kind: 'start', step: 'copy', item, total: file.size })
    await store.blobs.ensureIntact(file.pack ?? file)
    const count = (bytes: number): void => onProgress?.({ kind: 'bytes', step: 'copy', item, count: bytes })
    const open = (): AsyncIterable<Uint8Array> =>
      metered(verified(store.fileContent(file).open(), file, `the stored blob of ${item}`), count, signal)
    yield* contentEntry(`tree/${item}`, { size: file.size, open })
    onProgress?.({ kind: 'done', step: 'copy', item })
  }
  yield TAR_END
}

/** Of entries with their headers. */
export async function* tarOf(entries: readonly Buffer[]): AsyncIterable<Uint8Array> {
  yield Buffer.concat([...entries, TAR_END])
}
