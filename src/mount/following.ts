import { randomBytes } from 'node:crypto'
import { readdir, readlink, rename, rm, symlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import {
  BallastError,
  createFileDurably,
  isSystemError,
  makeDirectory,
  shortDigest,
  syncDirectory,
  withLock,
} from '../core/index.ts'
import { OWN_DIRECTORY, type Version } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { checkTree } from './check.ts'
import type { Delivered, DeliverOptions, Delivery } from './delivery.ts'
import { createIncoming, removeAbandoned } from './incoming.ts'
import { DIRECTORY_MODE, GENERATIONS, LOCK, STATE } from './names.ts'
import {
  encodeState,
  type Followed,
  type Generation,
  readState,
  withGeneration,
  writeState,
} from './state.ts'
import { inspectTarget } from './target.ts'
import { readTree, writeTree } from './tree.ts'

export interface FollowingOptions extends DeliverOptions {
  /** What made it move, for the history: `mount`, `follow`, `rollback`. */
  readonly by: string
  /** How long a version that was replaced stays, in milliseconds; the one before the current always stays. */
  readonly graceMs: number
}

export interface Swapped extends Delivered {
  /** What the link leads to now, relative to the target. */
  readonly path: string
}

const LOCK_TIMEOUT_MS = 30_000
const INCOMING = 'incoming-'
const TEMPORARY_LINK = 'link-'

/**
 * Makes the link called `name` in a following target lead to a version (design 5). The version is complete and
 * durable before the link moves, which it does by one rename(2); the directory itself is never replaced, so a
 * running container that has it mounted sees the change.
 */
export async function deliverFollowing(
  store: Store,
  { target, name, delivery }: { readonly target: string; readonly name: string; readonly delivery: Delivery },
  options: FollowingOptions,
): Promise<Swapped> {
  await prepareTarget(target)
  return withLock(join(target, LOCK), { timeoutMs: LOCK_TIMEOUT_MS, signal: options.signal }, async () => {
    // Before the first link, so that a target is known for what it is at every instant.
    await createFileDurably(join(target, STATE), encodeState({ version: 1, models: {} }), { mode: 0o644 })
    await sweep(target)
    const files = await freeFileLinks(target, { name, version: delivery.version })
    await refuseForeignNames(target, { name, files })
    const state = await readState(target)
    const followed = await followedNow(target, { name, known: state.models[name], delivery })
    const current = followed.generations.at(-1)
    const place = await placeGeneration(store, { target, current, delivery }, options)
    const moved = current?.id !== place.id
    for (const file of files) await ensureFileLink(target, { file, name })
    const relinked = (await currentGeneration(target, name)) !== place.id
    if (relinked) await swapLink(target, { name, to: `${GENERATIONS}/${place.id}` })
    for (const file of followed.files.filter((old) => !files.includes(old)))
      await rm(join(target, file), { force: true })
    const generation: Generation = {
      id: place.id,
      digest: delivery.version.digest,
      number: delivery.marker.number,
      time: new Date().toISOString(),
      by: options.by,
    }
    const next = moved ? withGeneration(followed, generation) : followed
    // A rollback is a visit: the link goes on following what it followed.
    const reference = options.by === 'rollback' ? followed.reference : delivery.marker.reference
    const models = { ...state.models, [name]: { ...next, reference, files } }
    await writeState(target, { version: 1, models })
    await prune(target, Object.values(models), options.graceMs)
    const { bytesCopied } = place
    const warnings = [...place.warnings, ...takenFileLinks(delivery.version, { name, files })]
    return { how: moved || relinked ? 'delivered' : 'unchanged', bytesCopied, warnings, path: name }
  })
}

/** What the link leads to, from the link itself; undefined when there is none. */
export async function currentGeneration(target: string, name: string): Promise<string | undefined> {
  try {
    return basename(await readlink(join(target, name)))
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'EINVAL')) return undefined
    throw error
  }
}

async function prepareTarget(target: string): Promise<void> {
  const state = await inspectTarget(target)
  if (state.kind === 'foreign' || state.kind === 'pinned') {
    const what = state.kind === 'pinned' ? 'a mount of one version' : 'not empty'
    throw new BallastError('CONFLICT', `${target} is ${what}, so it cannot follow a tag`, {
      hint:
        state.kind === 'pinned'
          ? `unmount it first (ballast unmount ${target}), or name a new directory`
          : 'nothing was changed; name an empty or new directory',
    })
  }
  await makeDirectory(join(target, GENERATIONS), DIRECTORY_MODE)
}

/** Under the lock: what those who held it before and were killed had half done. */
async function sweep(target: string): Promise<void> {
  const own = join(target, OWN_DIRECTORY)
  await removeAbandoned(own, INCOMING)
  for (const name of await readdir(own)) {
    if (name.startsWith(TEMPORARY_LINK) || /^\.state\.json\..*\.tmp$/.test(name))
      await rm(join(own, name), { force: true })
  }
}

async function refuseForeignNames(
  target: string,
  { name, files }: { readonly name: string; readonly files: readonly string[] },
): Promise<void> {
  if (name === OWN_DIRECTORY || name.includes('/')) {
    throw new BallastError('USAGE', `${JSON.stringify(name)} cannot be the name of a link`, {
      hint: 'choose another --as',
    })
  }
  const own = new Map([[name, `${GENERATIONS}/`], ...files.map((file) => [file, `${name}/${file}`] as const)])
  for (const [link, to] of own) {
    if ((await whatIsAt(join(target, link)))?.startsWith(to) ?? true) continue
    throw new BallastError(
      'CONFLICT',
      `${join(target, link)} is in the way, and was not put there by Ballast`,
      {
        hint: 'nothing was changed; move it away, or choose another name with --as',
      },
    )
  }
}

/** A link's text, nothing for an entry that is no link, undefined where nothing is. */
async function whatIsAt(path: string): Promise<string | undefined> {
  try {
    return await readlink(path)
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined
    if (isSystemError(error, 'EINVAL')) return ''
    throw error
  }
}

/** The file link of one model is not taken from it by another model that has a file of the same name. */
async function freeFileLinks(
  target: string,
  { name, version }: { readonly name: string; readonly version: Version },
): Promise<readonly string[]> {
  const free: string[] = []
  for (const file of fileLinksOf(version, name)) {
    const [owner = '', ...rest] = ((await whatIsAt(join(target, file))) ?? '').split('/')
    const leadsOn = (await whatIsAt(join(target, owner)))?.startsWith(`${GENERATIONS}/`) === true
    const isTaken = owner === OWN_DIRECTORY || (owner !== name && rest.join('/') === file && leadsOn)
    if (!isTaken) free.push(file)
  }
  return free
}

function takenFileLinks(
  version: Version,
  { name, files }: { readonly name: string; readonly files: readonly string[] },
): readonly string[] {
  return fileLinksOf(version, name)
    .filter((file) => !files.includes(file))
    .map(
      (file) =>
        `${file} belongs to another model of the target, so this one is found at ${name}/${file} only`,
    )
}

/** After a kill between swap and state, the link is ahead: what it leads to is taken into the record first. */
async function followedNow(
  target: string,
  { name, known, delivery }: { name: string; known: Followed | undefined; delivery: Delivery },
): Promise<Followed> {
  const { model, reference } = delivery.marker
  const followed = known ?? { model, reference, files: [], generations: [] }
  const id = await currentGeneration(target, name)
  if (id === undefined || id === followed.generations.at(-1)?.id) return followed
  const tree = await readTree(join(target, GENERATIONS, id)).catch(() => undefined)
  if (tree === undefined) return followed
  const { digest, number } = tree.marker
  return withGeneration(followed, { id, digest, number, time: new Date().toISOString(), by: 'unrecorded' })
}

interface Place {
  readonly id: string
  readonly bytesCopied: number
  readonly warnings: readonly string[]
}

/** A version that was delivered before and is still whole is used again; else it gets a directory of its own. */
async function placeGeneration(
  store: Store,
  { target, current, delivery }: { target: string; current: Generation | undefined; delivery: Delivery },
  options: DeliverOptions,
): Promise<Place> {
  const generations = join(target, GENERATIONS)
  const base = `${delivery.marker.number}-${shortDigest(delivery.version.digest)}`
  const taken = (await readdir(generations)).filter((id) => id === base || id.startsWith(`${base}.`))
  const candidates = [current?.id, ...taken].filter(
    (id): id is string => id !== undefined && taken.includes(id),
  )
  for (const id of candidates) {
    if (await isWhole(join(generations, id), delivery.version)) return { id, bytesCopied: 0, warnings: [] }
  }
  const id = taken.includes(base) ? `${base}.${randomBytes(3).toString('hex')}` : base
  const incoming = await createIncoming(join(target, OWN_DIRECTORY), INCOMING, DIRECTORY_MODE)
  try {
    const written = await writeTree(store, { tree: incoming.tree, ...delivery }, options)
    await incoming.publish(join(generations, id))
    return { id, ...written }
  } finally {
    await incoming.discard()
  }
}

async function isWhole(tree: string, version: Version): Promise<boolean> {
  const found = await readTree(tree).catch(() => undefined)
  return found?.version.digest === version.digest && (await checkTree(tree, version)).faults.length === 0
}

async function swapLink(
  target: string,
  { name, to }: { readonly name: string; readonly to: string },
): Promise<void> {
  const temporary = join(target, OWN_DIRECTORY, `${TEMPORARY_LINK}${randomBytes(6).toString('hex')}`)
  await symlink(to, temporary)
  await rename(temporary, join(target, name))
  await syncDirectory(target)
}

/** A model of one file is found under its own name too, through the directory link, so both move by the same rename. */
function fileLinksOf({ files }: Version, name: string): readonly string[] {
  const [only, ...others] = files
  if (only === undefined || others.length > 0 || only.path.includes('/') || only.path === name) return []
  return [only.path]
}

async function ensureFileLink(
  target: string,
  { file, name }: { readonly file: string; readonly name: string },
): Promise<void> {
  const to = `${name}/${file}`
  if ((await readlink(join(target, file)).catch(() => undefined)) === to) return
  await swapLink(target, { name: file, to })
}

/**
 * Former versions go once nobody can be expected to be opening them any more; the newest former one stays. What a
 * link leads to stays whatever the record says: after a kill, the record of another model may be behind its link.
 */
async function prune(target: string, models: readonly Followed[], graceMs: number): Promise<void> {
  const keep = new Set<string>(await linkedGenerations(target))
  for (const { generations } of models) {
    generations.forEach((generation, index) => {
      const replaced = generations[index + 1]?.time
      const recent = replaced === undefined || Date.now() - Date.parse(replaced) < graceMs
      if (recent || index >= generations.length - 2) keep.add(generation.id)
    })
  }
  const directory = join(target, GENERATIONS)
  for (const id of await readdir(directory)) {
    if (!keep.has(id)) await rm(join(directory, id), { recursive: true, force: true })
  }
}

async function linkedGenerations(target: string): Promise<readonly string[]> {
  const ids: string[] = []
  for (const name of await readdir(target)) {
    const id = await currentGeneration(target, name)
    if (id !== undefined) ids.push(id)
  }
  return ids
}
