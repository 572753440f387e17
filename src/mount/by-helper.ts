import { basename } from 'node:path'
import {
  BallastError,
  type CallOptions,
  lifeByName,
  readAll,
  shortDigest,
  temporaryName,
  throwIfAborted,
  verified,
} from '../core/index.ts'
import type { HelperStep, ToldPath, VolumeHelper } from '../docker/index.ts'
import {
  encodeMarker,
  encodePackedFiles,
  type ModelFile,
  OWN_DIRECTORY,
  parseJson,
  totalSize,
} from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { encodeHeader, paddingOf, TAR_END } from '../tar/index.ts'
import type { Delivery } from './delivery.ts'
import { type FollowingOptions, refuseOtherUse, type Swapped } from './following.ts'
import { recentGenerations } from './generations.ts'
import { checkLinkName, fileLinksOf, sameName, takenFileLinks, takenName } from './links.ts'
import {
  DIRECTORY_MODE,
  FILE_MODE,
  GENERATIONS,
  INCOMING,
  STATE,
  TEMPORARY_LINK,
  TREE_MANIFEST,
  TREE_MARKER,
  TREE_PACKED,
  TREE_RECORD,
} from './names.ts'
import { encodeRecord, type FileRecord, type TreeRecord } from './record.ts'
import { decodeState, encodeState, type Followed, isGenerationId, withGeneration } from './state.ts'

export interface HelperTarget {
  readonly helper: VolumeHelper
  readonly volume: string
  readonly name: string
  readonly delivery: Delivery
}

/**
 * What `deliverFollowing` does, in a volume that only containers get at: the same files, links and state. The tree is
 * unpacked beside its place and synced; one run of the helper then makes all changes that anybody sees, under a lock, after
 * it has looked whether the links are still as they were read. Throws CONFLICT (retryable) where they are not.
 */
export async function deliverByHelper(
  store: Store,
  { helper, volume, name, delivery }: HelperTarget,
  options: FollowingOptions,
): Promise<Swapped> {
  checkLinkName(name)
  const { version, marker } = delivery
  const target = `volume:${volume}`
  const seen = await look(helper, target, options)
  const { layout } = options
  const files = freeFiles(seen, { name, delivery, layout, target })
  const known = seen.models[name]
  if (known !== undefined && known.model !== marker.model) {
    throw new BallastError('CONFLICT', `${target}/${name} belongs to the model ${known.model}`, {
      hint: 'nothing was changed; give this model a link of its own with --as',
    })
  }
  refuseForeign(seen, { name, files, target })
  const followed = known ?? { model: marker.model, reference: marker.reference, files: [], generations: [] }
  refuseOtherUse(`${target}/${name}`, { known, delivery }, options)

  const linked = linkedGeneration(seen, name)
  const base = `${marker.number}-${shortDigest(version.digest)}`
  const taken = seen.generations.filter((id) => id === base || id.startsWith(`${base}.`))
  const whole = await findWhole(
    helper,
    { candidates: preferred(linked, taken), files: version.files },
    options,
  )
  const id = whole ?? (taken.includes(base) ? `${base}.${temporaryName().slice(-10, -4)}` : base)
  const incoming = `${OWN_DIRECTORY}/${INCOMING}${temporaryName()}`
  await helper.run([
    ...sweepSteps(seen),
    ['mkdir', OWN_DIRECTORY],
    ['mkdir', GENERATIONS],
    ['mkdir', incoming],
  ])
  try {
    if (whole === undefined) await writeIncoming(store, { helper, incoming, delivery }, options)
    const moved = followed.generations.at(-1)?.id !== id
    const generation = {
      id,
      digest: version.digest,
      number: marker.number,
      time: new Date().toISOString(),
      by: options.by,
    }
    const next: Followed = {
      ...(moved ? withGeneration(followed, generation) : followed),
      ...(layout === 'flat' && { flat: true as const }),
      reference: options.by === 'rollback' ? followed.reference : marker.reference,
      files,
    }
    const models = { ...seen.models, [name]: next }
    await helper.write(
      incoming,
      tarOf([textFile('state.json', encodeState({ version: 1, models }))]),
      options,
    )
    const keep = new Set([
      ...Object.keys(seen.links).flatMap((link) =>
        link === name ? [] : (linkedGeneration(seen, link) ?? []),
      ),
      ...recentGenerations(Object.values(models), options.graceMs),
      id,
    ])
    const former = followed.files.filter((file) => !files.includes(file))
    const temporary = `${OWN_DIRECTORY}/${TEMPORARY_LINK}${temporaryName()}`
    const steps: HelperStep[] = [
      ['lock', `${OWN_DIRECTORY}/helper-lock`],
      ['directory?', OWN_DIRECTORY],
      ['directory?', GENERATIONS],
      ...[name, ...files].map((link): HelperStep => ['link?', link, seen.links[link] ?? '']),
      ['sync'],
      ...(whole === undefined
        ? ([['rename', `${incoming}/tree`, `${GENERATIONS}/${id}`], ['sync']] as const)
        : []),
      ...files
        .filter((file) => seen.links[file] === undefined)
        .map((file): HelperStep => ['link', `${name}/${file}`, file, temporary]),
      ...(linked === id ? [] : ([['link', `${GENERATIONS}/${id}`, name, temporary]] as const)),
      ...former.map((file): HelperStep => ['unlink', file, `${name}/${file}`]),
      ['rename', `${incoming}/state.json`, STATE],
      ['sync'],
      ...seen.generations
        .filter((old) => isGenerationId(old) && !keep.has(old))
        .map((old): HelperStep => ['remove', `${GENERATIONS}/${old}`]),
    ]
    await helper.run(steps, options)
    const bytesCopied = whole === undefined ? totalSize(version.files) : 0
    const warnings = takenFileLinks(version, { name, layout, files })
    const how = moved || linked !== id ? 'delivered' : 'unchanged'
    return { how, bytesCopied, warnings, path: name, files }
  } finally {
    await helper.run([['remove', incoming]]).catch(() => undefined)
  }
}

/** The volume as it was read. Links by name, with what they lead to; an empty text for an entry that is no link. */
interface Seen {
  readonly links: Readonly<Record<string, string>>
  readonly models: Readonly<Record<string, Followed>>
  readonly generations: readonly string[]
  /** What others left below `.ballast/`. */
  readonly left: readonly ToldPath[]
}

async function look(helper: VolumeHelper, target: string, options: CallOptions): Promise<Seen> {
  const told = await helper.run(
    [
      ['tell', OWN_DIRECTORY],
      ['tell', GENERATIONS],
      ['list', '.'],
      ['tell', `${OWN_DIRECTORY}/.`],
      ['list', OWN_DIRECTORY],
      ['tell', `${GENERATIONS}/.`],
      ['list', GENERATIONS],
    ],
    options,
  )
  for (const { path, type } of told.slice(0, 2)) {
    if (type === undefined || type === 'directory') continue
    throw new BallastError(
      'REFUSED',
      `${target}/${path} is not a directory: somebody has put something else there`,
      {
        hint: 'look who may write to the volume; then remove that entry and mount again',
      },
    )
  }
  const own = told.findIndex(({ path }) => path === `${OWN_DIRECTORY}/.`)
  const placed = told.findIndex(({ path }) => path === `${GENERATIONS}/.`)
  const root = told.slice(2, own)
  const left = told.slice(own + 1, placed)
  const names = root.map(({ path }) => path).filter((path) => path !== 'lost+found')
  const isFollowing = left.some(({ path }) => [basename(STATE), basename(GENERATIONS)].includes(path))
  if (names.length > 0 && !isFollowing && !(names.length === 1 && names[0] === OWN_DIRECTORY)) {
    throw new BallastError('CONFLICT', `${target} is not empty, so nothing can be delivered into it`, {
      hint: 'nothing was changed; name an empty or new volume',
    })
  }
  const hasState = left.some(({ path, type }) => path === basename(STATE) && type === 'file')
  const bytes = hasState ? await readWhole(helper, STATE, options) : undefined
  return {
    links: Object.fromEntries(root.map(({ path, link }) => [path, link])),
    models: bytes === undefined ? {} : decodeState(bytes, `${target}/${STATE}`).models,
    generations: told.slice(placed + 1).map(({ path }) => path),
    left,
  }
}

const LARGEST_OWN_FILE = 64 * 1024 * 1024

async function readWhole(
  helper: VolumeHelper,
  path: string,
  options: CallOptions,
): Promise<Buffer | undefined> {
  const chunks = await helper.read(path, options)
  return chunks && readAll(chunks, LARGEST_OWN_FILE)
}

const SILENCE_MS = 3_600_000

function sweepSteps({ left }: Seen): readonly HelperStep[] {
  return left
    .filter(({ path, mtimeNs }) => {
      if (!path.startsWith(INCOMING) && !path.startsWith(TEMPORARY_LINK)) return false
      const life = lifeByName(path)
      const isSilent = Date.now() - Number(BigInt(mtimeNs) / 1_000_000n) > SILENCE_MS
      return life === 'dead' || (life !== 'alive' && isSilent)
    })
    .map(({ path }) => ['remove', `${OWN_DIRECTORY}/${path}`] as const)
}

function linkedGeneration({ links }: Seen, name: string): string | undefined {
  const to = links[name]
  return to?.startsWith(`${GENERATIONS}/`) ? basename(to) : undefined
}

interface Wanted {
  readonly name: string
  readonly delivery: Delivery
  readonly layout: FollowingOptions['layout']
  readonly target: string
}

/** As `freeFileLinks`, of what was read. */
function freeFiles(seen: Seen, { name, delivery, layout, target }: Wanted): readonly string[] {
  return fileLinksOf(delivery.version, { name, layout }).filter((file) => {
    if (file === name) throw sameName(target, name)
    const [owner = '', ...rest] = (seen.links[file] ?? '').split('/')
    const leadsOn = linkedGeneration(seen, owner) !== undefined
    const isTaken = owner === OWN_DIRECTORY || (owner !== name && rest.join('/') === file && leadsOn)
    if (isTaken && layout === 'flat') throw takenName(target, file)
    return !isTaken
  })
}

function refuseForeign(
  seen: Seen,
  {
    name,
    files,
    target,
  }: { readonly name: string; readonly files: readonly string[]; readonly target: string },
): void {
  const own = new Map([[name, `${GENERATIONS}/`], ...files.map((file) => [file, `${name}/${file}`] as const)])
  for (const [link, to] of own) {
    if (seen.links[link]?.startsWith(to) ?? true) continue
    throw new BallastError('CONFLICT', `${target}/${link} is in the way, and was not put there by Ballast`, {
      hint: 'nothing was changed; move it away, or choose another name with --as',
    })
  }
}

function preferred(linked: string | undefined, taken: readonly string[]): readonly string[] {
  return linked !== undefined && taken.includes(linked)
    ? [linked, ...taken.filter((id) => id !== linked)]
    : taken
}

/** A version that was delivered before and whose files are as they were when they were verified. */
async function findWhole(
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

async function writeIncoming(
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

async function* tarOf(parts: readonly Buffer[]): AsyncIterable<Uint8Array> {
  yield Buffer.concat([...parts, TAR_END])
}

function directory(path: string): Buffer {
  return encodeHeader({ path, type: 'directory', size: 0, mode: DIRECTORY_MODE, uid: 0, gid: 0 })
}

function header(path: string, size: number): Buffer {
  return encodeHeader({ path, type: 'file', size, mode: FILE_MODE, uid: 0, gid: 0 })
}

function textFile(path: string, text: string | Uint8Array): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([header(path, bytes.length), bytes, Buffer.alloc(paddingOf(bytes.length))])
}
