import { type CallOptions, type Digest, isBallastError } from '../../core/index.ts'
import {
  type ContainerRecord,
  type Engine,
  type ImageFacts,
  linesOf,
  readFromContainer,
} from '../../docker/index.ts'
import {
  type AppModel,
  formatReference,
  objectOf,
  parseName,
  parseReference,
  type RepositoryName,
  splitReference,
} from '../../model/index.ts'
import { STATE } from '../../mount/index.ts'
import { type EmbeddedModel, readLabel } from '../../oci/index.ts'
import type { Store } from '../../store/index.ts'
import { readTar } from '../../tar/index.ts'
import { check } from '../check.ts'
import { checkContainer } from '../check-container.ts'
import { findInContainer } from '../container-files.ts'
import { copySteps } from '../copy-steps.ts'
import { withContainerOf } from '../engine-operands.ts'
import { isAtOrBelow } from '../run-request.ts'

/** One model of the application, and how a container gets it now. */
export interface ServedModel {
  /** As `ballast.yaml` has it. */
  readonly ref: string
  readonly path: string
  readonly how: 'embedded' | 'copied' | 'directory' | 'volume' | 'plugin' | 'absent'
  /** Of a mount: a directory of the host, or a volume's name. */
  readonly source: string
  /** Where something of it is mounted, PATH or around it. */
  readonly destinations: readonly string[]
  /** Whether a mount around PATH brings more than the model. */
  readonly isShared: boolean
  /** `sentiment:3`; undefined for files that Ballast did not bring and no version in the store has. */
  readonly version: string | undefined
  readonly digest: Digest | undefined
  /** What the store calls the version: `sentiment:prod` where that still is it. */
  readonly stored: string | undefined
  /** Whether the store has nothing of the name `ref`. */
  readonly isRefFree: boolean
  readonly bytes: number
  /** What the image itself has at PATH, be it under a mount. */
  readonly inImage: 'embedded' | 'copied' | undefined
  /** What to change in the Dockerfile so that the image has no copy. */
  readonly lines: readonly string[]
}

export interface ServedBy {
  readonly engine: Engine
  readonly container: ContainerRecord
  readonly facts: Pick<ImageFacts, 'steps'>
  readonly model: AppModel
}

/** Reads no more of a model than `check` does, and of one that no version is known to be its names and sizes. */
export async function lookAtModel(
  store: Store,
  { engine, container, facts, model: { ref, path } }: ServedBy,
  options: CallOptions,
): Promise<ServedModel> {
  const { id, name } = container
  const mounts = mountsAround(container, path)
  const around = mounts.find(({ destination }) => isAtOrBelow(path, destination))
  const embedded = embeddedAt(container, path)
  const lines = linesFor(linesOf(facts), path)
  const isCopied =
    embedded === undefined &&
    (mounts.length === 0 || (lines.length > 0 && (await holdsFiles(engine, { container, path }, options))))
  const inImage = embedded !== undefined ? 'embedded' : isCopied ? 'copied' : undefined
  const place = { engine, operand: `container:${name}:${path}`, name: id, path }
  const found = (await checkContainer(store, place, options)).find(({ version }) => version !== undefined)
  const { version, digest } = found ?? {}
  const stored = await storedAs(store, { ref, version, digest })
  const isThere = (await findInContainer(engine, { id, path }, options))?.type === 'directory'
  return {
    ref,
    path,
    how: !isThere ? 'absent' : mounts.length > 0 ? (mounts[0]?.how ?? 'directory') : (inImage ?? 'copied'),
    source: mounts[0]?.source ?? '',
    destinations: mounts.map(({ destination }) => destination),
    isShared:
      around !== undefined &&
      around.destination !== path &&
      !(await isTarget(engine, { id, path: around.destination }, options)),
    version,
    digest,
    stored,
    isRefFree: (await store.records.resolve(parseReference(ref))) === undefined,
    bytes: !isThere ? 0 : await bytesOf(store, { engine, id, path, stored }, options),
    inImage,
    lines,
  }
}

/** A line that copies more than the model is named only where none copies the model alone. */
export function linesFor(steps: readonly string[], path: string): readonly string[] {
  const lines = copySteps(steps, path)
  const own = lines.filter((line) => line.startsWith('delete the line'))
  return own.length > 0 ? own : lines
}

/** Of the image itself, by a container that has nothing mounted and is never started. */
function holdsFiles(
  engine: Engine,
  { container: { imageId: image }, path }: { readonly container: ContainerRecord; readonly path: string },
  options: CallOptions,
): Promise<boolean> {
  return withContainerOf(engine, { image, signal: options.signal }, async (id) => {
    const found = await findInContainer(engine, { id, path }, options)
    if (found?.type !== 'directory') return false
    for await (const { type } of readTar(await readFromContainer(engine, { id, path: found.path }, options)))
      if (type === 'file') return true
    return false
  })
}

/** The label is inherited from the image. */
function embeddedAt({ labels }: Pick<ContainerRecord, 'labels'>, path: string): EmbeddedModel | undefined {
  return readLabel({ config: { Labels: labels } }).find(
    (model) => model.path === path || `/models/${model.name}` === path,
  )
}

interface Mounted {
  readonly how: 'directory' | 'volume' | 'plugin'
  readonly source: string
  readonly destination: string
}

/** What is mounted at PATH or inside it, else the nearest mount around it. */
function mountsAround({ json }: ContainerRecord, path: string): readonly Mounted[] {
  const all = (Array.isArray(json.Mounts) ? json.Mounts.map(objectOf) : []).map(
    ({ Type, Name, Source, Destination, Driver }): Mounted => ({
      how: Type !== 'volume' ? 'directory' : Driver === 'local' ? 'volume' : 'plugin',
      source: String((Type === 'volume' ? Name : Source) ?? ''),
      destination: String(Destination),
    }),
  )
  const inside = all.filter(({ destination }) => isAtOrBelow(destination, path))
  if (inside.length > 0) return inside
  const around = all.filter(({ destination }) => isAtOrBelow(path, destination))
  return around.toSorted((a, b) => b.destination.length - a.destination.length).slice(0, 1)
}

/** A following target is mounted at PATH's parent by the path rule, and holds nothing but models. */
async function isTarget(
  engine: Engine,
  { id, path }: { readonly id: string; readonly path: string },
  options: CallOptions,
): Promise<boolean> {
  return (await findInContainer(engine, { id, path: `${path}/${STATE}` }, options)) !== undefined
}

/** How a version can be asked of the store, whole; undefined where it cannot. */
export async function storedAs(
  store: Store,
  { ref, version, digest }: Pick<ServedModel, 'ref' | 'version' | 'digest'>,
): Promise<string | undefined> {
  if (digest === undefined) return undefined
  const meant = parseReference(ref)
  const isMeant = (await store.records.resolve(meant)) === digest
  const names = new Set([meant.name, nameIn(version) ?? meant.name])
  const candidates = [
    ...(isMeant ? [formatReference(meant)] : []),
    ...[...names].map((name) => `${name}@${digest}`),
  ]
  for (const candidate of candidates) {
    try {
      const [found] = await check(store, candidate)
      if (found?.faults.length === 0) return candidate
    } catch (error) {
      if (!isBallastError(error)) throw error
    }
  }
  return undefined
}

function nameIn(version: string | undefined): RepositoryName | undefined {
  return version === undefined ? undefined : parseName(splitReference(version).name)
}

async function bytesOf(
  store: Store,
  {
    engine,
    id,
    path,
    stored,
  }: {
    readonly engine: Engine
    readonly id: string
    readonly path: string
    readonly stored: string | undefined
  },
  options: CallOptions,
): Promise<number> {
  if (stored !== undefined) {
    const digest = await store.records.resolve(parseReference(stored))
    const files = digest === undefined ? [] : (await store.readVersion(digest)).files
    return files.reduce((sum, { size }) => sum + size, 0)
  }
  const real = await findInContainer(engine, { id, path }, options)
  if (real === undefined) return 0
  let bytes = 0
  for await (const entry of readTar(await readFromContainer(engine, { id, path: real.path }, options)))
    if (entry.type === 'file') bytes += entry.size
  return bytes
}
