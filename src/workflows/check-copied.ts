import { posix } from 'node:path'
import { type CallOptions, createHasher, type Digest, isBallastError } from '../core/index.ts'
import { type ContainerInfo, type Engine, imageFacts, linesOf, readFromContainer } from '../docker/index.ts'
import { type ModelFile, OWN_DIRECTORY } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { readTarBodies } from '../tar/index.ts'
import type { CheckOptions, CheckResult } from './check-target.ts'
import { type ContainerPath, findInContainer } from './container-files.ts'
import { userOf, whyUnreadable } from './container-user.ts'
import { readSteps } from './dockerfile.ts'

export interface CopiedPlace {
  readonly engine: Engine
  readonly container: ContainerInfo
  readonly operand: string
  /** Empty for wherever the image's Dockerfile copies something to. */
  readonly path: string
}

/**
 * A model that `docker build` has copied into the image says nothing of its version, so it is told by its bytes: those of
 * exactly one version of the store. None where there is no such version; then little was read, because the first file that no
 * version has ends it.
 */
export async function checkCopied(
  store: Store,
  { engine, container, operand, path }: CopiedPlace,
  options: CheckOptions,
): Promise<readonly CheckResult[]> {
  const candidates = await knownVersions(store)
  if (candidates.length === 0) return []
  const { id, user } = container
  const places = path === '' ? await copiedTo(engine, container, options) : [path]
  const results: CheckResult[] = []
  for (const place of places) {
    const found = await versionAt(engine, { place: { id, path: place }, candidates }, options)
    if (found === undefined) continue
    const { name, digest, files } = found
    const who = await userOf(engine, { id, user }, options)
    const why =
      who === undefined
        ? `the container has no user ${user}`
        : await whyUnreadable(engine, { id, tree: place, files: [...files.keys()], user: who }, options)
    results.push({
      operand: `${operand}:${place}`,
      version: name,
      digest,
      faults: why === undefined ? [] : [why],
      extra: [],
      mend: why === undefined ? undefined : 'start a new container as a user who may read it',
      notes: [
        'copied into the image, not put there by Ballast: told by its bytes, which are all those of the version',
      ],
    })
  }
  return results
}

interface Candidate {
  /** `sentiment:3` */
  readonly name: string
  readonly digest: Digest
  /** By path. */
  readonly files: ReadonlyMap<string, ModelFile>
}

/** The newest of each model first. */
async function knownVersions(store: Store): Promise<readonly Candidate[]> {
  const candidates: Candidate[] = []
  for (const name of await store.records.listNames()) {
    for (const { number, digest } of [...(await store.records.listVersions(name))].reverse()) {
      try {
        const { files } = await store.readVersion(digest)
        const byPath = new Map(files.map((file) => [file.path, file]))
        candidates.push({ name: `${name}:${number}`, digest, files: byPath })
      } catch (error) {
        // A version whose manifest is lost is of no use here, and is no fault of the container.
        if (!isBallastError(error)) throw error
      }
    }
  }
  return candidates
}

/** Directories that COPY and ADD lines name, by the image's history; not those that a mount hides. */
async function copiedTo(
  engine: Engine,
  { id, imageId, mounts }: ContainerInfo,
  options: CallOptions,
): Promise<readonly string[]> {
  const { copies } = readSteps(linesOf(await imageFacts(engine, imageId, options)))
  const places = new Set<string>()
  for (const { target } of copies) {
    const path = target.replace(/\/+$/, '')
    if (path === '') continue
    const isFile = (await findInContainer(engine, { id, path }, options))?.type === 'file'
    places.add(isFile ? posix.dirname(path) : path)
  }
  const isMounted = (path: string): boolean =>
    mounts.some(({ destination }) => `${path}/`.startsWith(`${destination}/`))
  return [...places].filter((path) => path !== '/' && !isMounted(path))
}

async function versionAt(
  engine: Engine,
  { place, candidates }: { readonly place: ContainerPath; readonly candidates: readonly Candidate[] },
  options: CallOptions,
): Promise<Candidate | undefined> {
  const directory = await findInContainer(engine, place, options)
  if (directory?.type !== 'directory') return undefined
  const chunks = await readFromContainer(engine, { id: place.id, path: directory.path }, options)
  let left = candidates
  let count = 0
  for await (const { entry, body } of readTarBodies(chunks)) {
    const path = entry.path.split('/').slice(1).join('/')
    if (entry.type === 'directory' || path.startsWith(`${OWN_DIRECTORY}/`)) continue
    left = entry.type === 'file' ? left.filter(({ files }) => files.get(path)?.size === entry.size) : []
    if (left.length === 0) return undefined
    options.onProgress?.({ kind: 'start', step: 'verify', item: path, total: entry.size })
    const hasher = createHasher()
    for await (const chunk of body) {
      hasher.update(chunk)
      options.onProgress?.({ kind: 'bytes', step: 'verify', item: path, count: chunk.length })
    }
    options.onProgress?.({ kind: 'done', step: 'verify', item: path })
    const digest = hasher.digest()
    left = left.filter(({ files }) => files.get(path)?.digest === digest)
    count++
  }
  return left.find(({ files }) => files.size === count)
}
