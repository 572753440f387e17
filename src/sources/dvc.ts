import { readFile, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import {
  BallastError,
  type CallOptions,
  type Content,
  createChecksummer,
  explainSystemError,
  fileContent,
  isSystemError,
  readIfPresent,
  throwIfAborted,
} from '../core/index.ts'
import { type DvcOut, dvcLockOut, parseDvcDirectory, parseDvcFile, parseDvcLock } from '../model/index.ts'
import { type DvcProject, dvcProjectOf, placesInCache } from './dvc-project.ts'
import { type FileState, fileStateOf } from './file-state.ts'
import type { Listing, RemoteFile, Source } from './source.ts'

/**
 * What a file `MODEL.dvc`, or an out of a pipeline's `dvc.lock`, names, as DVC keeps it track of: a directory's files under their paths in it, a file under its
 * own name, of several outs all under theirs. Bytes come from the workspace where they are right, else from the cache, and
 * are held against their MD5. Listing throws NOT_FOUND where neither has them, and USAGE and REFUSED for what no such file is.
 */
export function openDvcSource(path: string): Source {
  const made = dvcLockOut(path)
  const address = resolve(made?.lock ?? path)
  if (made === undefined) {
    return { address, list: async (options) => list(address, await outsOf(address), options) }
  }
  const { out } = made
  const ofOut = `${address}:${out}`
  return { address: ofOut, list: async (options) => list(address, [await outOf(address, out)], options) }
}

async function outsOf(address: string): Promise<readonly DvcOut[]> {
  return parseDvcFile(await textOf(address), address)
}

async function outOf(address: string, out: string): Promise<DvcOut> {
  const lock = await textOf(address)
  const pipeline = (await readIfPresent(join(dirname(address), 'dvc.yaml')))?.toString('utf8') ?? '{}'
  return parseDvcLock({ lock, pipeline, out }, address)
}

async function list(
  address: string,
  outs: readonly DvcOut[],
  { signal }: CallOptions = {},
): Promise<Listing> {
  const directory = await realpath(dirname(address))
  const project = await dvcProjectOf(directory)
  if (project === undefined) {
    throw new BallastError('NOT_FOUND', `${address} lies in no project of DVC`, {
      hint: 'name it where it lies beside its `.dvc` directory, or add the files themselves',
    })
  }
  const files: RemoteFile[] = []
  for (const out of outs) {
    const prefix = outs.length === 1 ? '' : `${out.path}/`
    for (const { path, ...tracked } of await trackedFiles(out, { directory, project, address })) {
      throwIfAborted(signal)
      const inModel = path === '' ? (prefix === '' ? basename(out.path) : out.path) : `${prefix}${path}`
      files.push(await fileOf(inModel, tracked, { project, address }))
    }
  }
  return { revision: outs.map(({ md5 }) => md5).join(' '), files, skipped: [] }
}

async function textOf(address: string): Promise<string> {
  return readFile(address, 'utf8').catch((error: unknown) => {
    if (!isSystemError(error, 'ENOENT')) throw explainSystemError(error)
    throw new BallastError('NOT_FOUND', `${address}: no such file`, {
      cause: error,
      hint: 'name the file that `dvc add` has written beside the model, or an out of a pipeline: dvc.lock:OUT',
    })
  })
}

interface Around {
  readonly project: DvcProject
  readonly address: string
}

interface Tracked {
  readonly md5: string
  readonly isLegacy: boolean
  readonly size: number | undefined
  /** In the workspace. */
  readonly place: string
}

/** Of a file one, whose path is empty. */
async function trackedFiles(
  out: DvcOut,
  { directory, project, address }: Around & { readonly directory: string },
): Promise<readonly (Tracked & { readonly path: string })[]> {
  const place = join(directory, out.path)
  const { md5, size, isLegacy } = out
  if (!out.isDirectory) return [{ path: '', md5, size, isLegacy, place }]
  const [now, before] = placesInCache(project.cache, `${md5}.dir`)
  const bytes = (await readIfPresent(now)) ?? (await readIfPresent(before))
  if (bytes === undefined) throw notHere(out.path, address)
  const what = `the list of ${out.path} in the cache of DVC`
  const summer = createChecksummer('md5')
  summer.update(bytes)
  if (summer.value() !== md5) {
    throw new BallastError('DAMAGED', `${what} is not what ${address} says`, { hint: 'run `dvc pull`' })
  }
  return parseDvcDirectory(bytes, what).map((entry) => ({
    ...entry,
    size: undefined,
    isLegacy,
    place: join(place, entry.path),
  }))
}

async function fileOf(path: string, tracked: Tracked, { project, address }: Around): Promise<RemoteFile> {
  const { md5, isLegacy } = tracked
  const inWorkspace = await standing(tracked.place, project)
  const cached = await Promise.all(placesInCache(project.cache, md5).map((place) => standing(place)))
  const hasSize = ({ state }: Standing): boolean =>
    tracked.size === undefined || state.size === BigInt(tracked.size)
  const [found] = [...cached, inWorkspace].filter((one) => one !== undefined && hasSize(one))
  if (found === undefined) throw notHere(path, address)
  const size = Number(found.state.size)
  const algorithm = isLegacy ? 'md5-dos2unix' : 'md5'
  return {
    path,
    size,
    identity: `${address} ${path} ${algorithm}:${md5}`,
    checksums: [{ algorithm, value: md5 }],
    content: contentOf(found),
    local: inWorkspace?.place ?? found.place,
  }
}

interface Standing {
  /** Links resolved. */
  readonly place: string
  readonly state: FileState
}

/** Undefined where there is none, or only one that a link finds out of the project and its cache. */
async function standing(path: string, within?: DvcProject): Promise<Standing | undefined> {
  const place = await realpath(path).catch(() => undefined)
  if (place === undefined) return undefined
  if (within !== undefined && ![within.root, within.cache].some((root) => isBelow(place, root)))
    return undefined
  const state = await fileStateOf(place)
  return (await stat(place)).isFile() ? { place, state } : undefined
}

function isBelow(place: string, root: string): boolean {
  const way = relative(root, place)
  return way !== '..' && !way.startsWith(`..${sep}`)
}

/** Reading throws REFUSED once another file stands there. */
function contentOf({ place, state }: Standing): Content {
  const content = fileContent(place, Number(state.size))
  const confirm = async (): Promise<void> => {
    const now = await fileStateOf(place).catch(() => undefined)
    if (now?.changedNs === state.changedNs && now.size === state.size && now.inode === state.inode) return
    throw new BallastError('REFUSED', `${place} changed while it was read`, {
      hint: 'wait until DVC is done, then run the command again',
    })
  }
  return {
    size: content.size,
    async *open(range, signal) {
      throwIfAborted(signal)
      await confirm()
      for await (const chunk of content.open(range)) {
        yield chunk
        throwIfAborted(signal)
      }
      await confirm()
    },
  }
}

function notHere(path: string, address: string): BallastError {
  return new BallastError(
    'NOT_FOUND',
    `${path} of ${address} is neither in the workspace nor in the cache of DVC`,
    {
      hint: 'run `dvc pull`, then the command again; after a change, run `dvc commit` first',
    },
  )
}
