import { BallastError, type CallOptions, type Digest, isBallastError, verified } from '../core/index.ts'
import { type Engine, readFromContainer } from '../docker/index.ts'
import { type ModelFile, parseJson, type VariantSet } from '../model/index.ts'
import {
  type DeliveredTree,
  decodeState,
  decodeVariantsFile,
  type Followed,
  GENERATIONS,
  linkedNames,
  readTreeBy,
  STATE,
  TREE_RECORD,
  type TreeRecord,
  treeOfView,
  variantsFile,
  variantTree,
} from '../mount/index.ts'
import type { Store } from '../store/index.ts'
import { readTar, readTarBodies } from '../tar/index.ts'
import { withReload } from './check-reload.ts'
import type { CheckOptions, CheckResult } from './check-target.ts'
import { splitOr, withSplit } from './check-variants.ts'
import { findInContainer, readFileInContainer, rootInContainer } from './container-files.ts'
import { userOf, whyUnreadable } from './container-user.ts'
import { staleness } from './staleness.ts'
import { versionName } from './version-name.ts'

export interface PathToCheck {
  readonly engine: Engine
  /** Of a container, running or not. */
  readonly id: string
  readonly path: string
  readonly operand: string
  /** The container's; who reads is not looked at without it. */
  readonly user?: string
}

/** What a container finds at a path, by the Engine alone: whether it is a model, and whether it is whole and readable. */
export async function checkInContainer(
  store: Store,
  place: PathToCheck,
  options: CheckOptions,
): Promise<readonly CheckResult[]> {
  const { engine, id, path, operand } = place
  const found = await findInContainer(engine, { id, path }, options)
  if (found === undefined) return [noModel(operand, [`${path} does not exist`], path)]
  // An Engine that is asked for what is below a file says nothing but that it failed.
  if (found.type !== 'directory') return [noModel(operand, [`${path} is no directory`], path)]
  const real = found.path
  const {
    isFollowing,
    names: models,
    followed,
  } = await linksAt(engine, { id, path: real, operand: path }, options)
  const results: CheckResult[] = []
  for (const name of models) {
    const label = models.length === 1 ? operand : `${operand} (${name})`
    const result = await checkTree(store, { ...place, operand: label, path: `${real}/${name}` }, options)
    const gone = [`${path}/${name}: the version that it leads to is not there`]
    const found = result ?? noModel(label, gone, path)
    const set = await splitAt(engine, { id, path: real, link: name }, options)
    results.push(withReload(withSplit(found, set), followed[name]))
    if (set === undefined || set instanceof BallastError) continue
    for (const variant of set.variants.filter(({ digest }) => digest !== found.digest)) {
      const label = `${operand} (${name}: ${variant.name})`
      const at = { ...place, operand: label, path: `${real}/${variantTree(variant)}` }
      results.push(
        (await checkTree(store, at, options)) ?? noModel(label, ['its version is not there'], path),
      )
    }
  }
  if (results.length > 0) return results
  if (isFollowing) return [noModel(operand, [`${path} holds no model yet`], path)]
  const tree = await checkTree(store, { ...place, path: real }, options)
  if (tree !== undefined) return [tree]
  if (await isEmpty(engine, { id, path: real }, options))
    return [{ ...noModel(operand, [`${path} is empty`], path), isEmpty: true }]
  return [noModel(operand, [`${path} holds files that Ballast did not deliver`], path)]
}

/** What a link of a target is split into, or why that cannot be told. */
function splitAt(
  engine: Engine,
  { id, path, link }: { readonly id: string; readonly path: string; readonly link: string },
  options: CallOptions,
): Promise<VariantSet | BallastError | undefined> {
  const file = `${path}/${variantsFile(link)}`
  return splitOr(async () => {
    const bytes = await readFileInContainer(engine, { id, path: file }, options)
    return bytes && decodeVariantsFile(bytes, file)
  })
}

/**
 * The links of a following target. Its state tells them; a first delivery that was killed may have left a link and no word of
 * it, and only then the whole of the target is gone through, because an Engine lists no directory without its files.
 */
async function linksAt(
  engine: Engine,
  { id, path, operand }: Pick<PathToCheck, 'id' | 'path' | 'operand'>,
  options: CallOptions,
): Promise<{
  readonly isFollowing: boolean
  readonly names: readonly string[]
  readonly followed: Readonly<Record<string, Followed>>
}> {
  const state = await readFileInContainer(engine, { id, path: `${path}/${STATE}` }, options)
  const followed = state === undefined ? {} : decodeState(state, `${operand}/${STATE}`).models
  const names = Object.keys(followed)
  if (names.length > 0) return { isFollowing: true, names, followed }
  const generations = await findInContainer(engine, { id, path: `${path}/${GENERATIONS}` }, options)
  if (state === undefined && generations === undefined) return { isFollowing: false, names, followed }
  const linked = linkedNames(await rootInContainer(engine, { id, path }, options))
  return { isFollowing: true, names: linked, followed }
}

export function noModel(operand: string, faults: readonly string[], path: string): CheckResult {
  const mend = operand.startsWith('volume:')
    ? `to mount a model there: ballast mount REF ${operand}`
    : `deliver a model into what is mounted ${path === '' ? 'in the container' : `at ${path}`} (ballast mount), or embed it in the image (ballast embed)`
  return { operand, version: undefined, digest: undefined, faults, extra: [], mend }
}

async function isEmpty(
  engine: Engine,
  place: { readonly id: string; readonly path: string },
  options: CallOptions,
): Promise<boolean> {
  let count = 0
  for await (const _ of readTar(await readFromContainer(engine, place, options))) {
    if (++count > 1) return false
  }
  return true
}

async function checkTree(
  store: Store,
  { engine, id, path: at, operand, user }: PathToCheck,
  options: CheckOptions,
): Promise<CheckResult | undefined> {
  const found = await findInContainer(engine, { id, path: at }, options)
  if (found?.type !== 'directory') return undefined
  const path = treeOfView(found.path)
  const read = (name: string): Promise<Buffer | undefined> =>
    readFileInContainer(engine, { id, path: `${path}/${name}` }, options)
  const mend = `mount it again: ballast mount REF ${operand.startsWith('volume:') ? operand : 'TARGET'}`
  let tree: DeliveredTree | undefined
  try {
    tree = await readTreeBy(read, path)
  } catch (error) {
    if (!isBallastError(error, 'DAMAGED')) throw error
    return { operand, version: undefined, digest: undefined, faults: [error.message], extra: [], mend }
  }
  if (tree === undefined) return undefined
  const { marker, version } = tree
  const recorded = (parseJson((await read(TREE_RECORD)) ?? Buffer.from('{}'))?.files ?? {}) as TreeRecord
  const faults: string[] = []
  for (const file of version.files) {
    const fault = await faultOf({ engine, id, path, file, recorded }, options)
    if (fault !== undefined) faults.push(`${file.path}: ${fault}`)
  }
  const files = version.files.map((file) => file.path)
  const why =
    user === undefined ? undefined : await unreadable({ engine, id, path: at, files, user }, options)
  if (why !== undefined) faults.push(why)
  return {
    operand,
    version: versionName(marker),
    digest: version.digest as Digest,
    faults,
    extra: [],
    mend: faults.length === 0 ? undefined : mend,
    ...(await staleness(store, marker)),
  }
}

async function unreadable(
  {
    engine,
    id,
    path,
    files,
    user,
  }: {
    readonly engine: Engine
    readonly id: string
    readonly path: string
    readonly files: readonly string[]
    readonly user: string
  },
  options: CallOptions,
): Promise<string | undefined> {
  const who = await userOf(engine, { id, user }, options)
  if (who === undefined) return `the container has no user ${user}`
  return whyUnreadable(engine, { id, tree: path, files, user: who }, options)
}

/** As of a directory, without the inode, which an Engine does not tell. */
async function faultOf(
  {
    engine,
    id,
    path,
    file,
    recorded,
  }: {
    readonly engine: Engine
    readonly id: string
    readonly path: string
    readonly file: ModelFile
    readonly recorded: TreeRecord
  },
  { full = false, ...options }: CheckOptions,
): Promise<string | undefined> {
  const place = { id, path: `${path}/${file.path}` }
  const found = await findInContainer(engine, place, options)
  if (found?.type !== 'file') return 'missing'
  if (found.size !== file.size) return `${found.size} bytes instead of ${file.size}`
  if (!full && recorded[file.path]?.mtimeNs === found.mtimeNs) return undefined
  options.onProgress?.({ kind: 'start', step: 'verify', item: file.path, total: file.size })
  for await (const { body } of readTarBodies(
    await readFromContainer(engine, { id, path: found.path }, options),
  )) {
    try {
      for await (const { length } of verified(body, file))
        options.onProgress?.({ kind: 'bytes', step: 'verify', item: file.path, count: length })
      return undefined
    } catch (error) {
      if (isBallastError(error, 'DAMAGED')) return 'its bytes are not those of the version'
      throw error
    } finally {
      options.onProgress?.({ kind: 'done', step: 'verify', item: file.path })
    }
  }
  return 'missing'
}
