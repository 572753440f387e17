import { realpath } from 'node:fs/promises'
import { resolve, sep } from 'node:path'
import { BallastError, type CallOptions, isBallastError, systemCode, verified } from '../core/index.ts'
import {
  type ContainerInfo,
  type Engine,
  type EngineChoice,
  imageFacts,
  linesOf,
  withVolumeHelper,
} from '../docker/index.ts'
import { baseLayers, readImage, readLayerInventory, refuseCopiedModel } from '../embed/index.ts'
import {
  type ParentVersion,
  parseOperand,
  splitImageAndPath,
  splitNameAndPath,
  type Version,
} from '../model/index.ts'
import { decompressed, type Inventory, mergeInventories } from '../oci/index.ts'
import { createTarTree, type PathFilter, type Patterns, pathFilter, type Scan } from '../sources/index.ts'
import type { Session, Store } from '../store/index.ts'
import { type AddResult, addFiles, parseNewVersion } from './add.ts'
import { pathMissing, scanContainer } from './capture-container.ts'
import { captureDirectory } from './capture-directory.ts'
import { copySteps } from './copy-steps.ts'
import { hasPathsOfThisHost, withEngine } from './engine-access.ts'
import { containerCalled, isEngineImage, withContainerOf } from './engine-operands.ts'
import { type ImageAccess, openImage } from './image-places.ts'
import { attachLineage, parentCalled } from './lineage.ts'
import { openVolume } from './volume-place.ts'

export interface CaptureRequest extends Patterns {
  /** A directory, `volume:NAME[:PATH]`, `container:NAME:PATH` or `image:IMAGE:PATH`. */
  readonly operand: string
  /** `NAME[:TAG]`, as `add` takes it. */
  readonly name: string
  /** The version that it was made from: a reference. What is mounted there where it is left out. */
  readonly parent?: string | undefined
  /** A pattern: the newest directory with such a file, which was written last, is captured. Only of what is on this host. */
  readonly marker?: string | undefined
  /** For how long nothing has to have changed there, in milliseconds. */
  readonly quietMs?: number | undefined
  /** How long to wait for that at most, in milliseconds. */
  readonly waitMs?: number | undefined
}

export interface CaptureResult extends AddResult {
  /** Of an image whose Dockerfile copied the model: what to change in it, and the command to go on with. */
  readonly next: string | undefined
  /** The directory with the marker, below what was named. */
  readonly checkpoint?: string
}

export type CaptureOptions = CallOptions & { readonly access: ImageAccess; readonly engine: EngineChoice }

/** What has been found, and what to do about where it was found. */
interface Found {
  readonly scan: Scan
  /** What was mounted there. */
  readonly parent?: ParentVersion | undefined
  readonly next?: Next
}

type Next = ((version: Pick<Version, 'files'>, ref: string) => string | undefined) | undefined

/**
 * Files that are somewhere already become a version of a model; what Ballast itself wrote beside them is left out.
 * Nothing is changed where they are, and nothing becomes a version while it is written to. Throws NOT_FOUND, REFUSED for what
 * no model can hold and (retryable) for files that never stand still, and what `add` throws.
 */
export async function capture(
  store: Store,
  request: CaptureRequest,
  options: CaptureOptions,
): Promise<CaptureResult> {
  const { operand, name, marker, quietMs, waitMs } = request
  parseNewVersion(name)
  const filter = pathFilter(request)
  const parent = request.parent === undefined ? undefined : await parentCalled(store, request.parent)
  const here = await placeHere(operand, options)
  if (here !== undefined) {
    const { state: _, ...captured } = await captureDirectory(
      store,
      { name, ...here, filter, marker, parent, quietMs, waitMs },
      options,
    )
    return { ...captured, next: undefined }
  }
  if (marker !== undefined) throw notHere(operand)
  await using session = await store.begin()
  const wanted = { session, operand, filter, quietMs, waitMs }
  const { scan, next, parent: mounted } = await find(store, wanted, options)
  // What waits in the session's own directory becomes blobs without being copied once more.
  const move = scan.files.length > 0 && scan.files.every(({ place }) => place.startsWith(session.directory))
  const lineage = { by: 'capture', from: operand, parent: parent ?? mounted }
  const added = await addFiles(
    store,
    {
      name,
      scan,
      from: operand,
      by: 'capture',
      move,
      beforeNumber: (stored) => attachLineage(store, stored.session, { ...stored, lineage }),
    },
    options,
  )
  const { files } = await store.readVersion(added.digest)
  return { ...added, next: next?.({ files }, added.ref) }
}

/** A directory of this host, and what people call it. */
export interface PlaceHere {
  readonly directory: string
  readonly called: string
}

/**
 * Where the operand is on this host: a directory, a volume of an Engine here, or what a container of one has mounted.
 * Undefined for everything else. Throws what the Engine says of what is not there.
 */
export async function placeHere(
  operand: string,
  options: Pick<CaptureOptions, 'engine' | 'signal'>,
): Promise<PlaceHere | undefined> {
  const parsed = parseOperand(operand)
  if (parsed.kind === 'path') return { directory: resolve(operand), called: resolve(operand) }
  if (parsed.kind !== 'volume' && parsed.kind !== 'container') return undefined
  const { name, path } = splitNameAndPath(parsed.text)
  return withEngine(options.engine, async (engine) => {
    const directory =
      parsed.kind === 'volume'
        ? await directoryOfVolume(engine, { name, path }, options)
        : await mountedHere(engine, { container: await containerCalled(engine, name, options), path })
    return directory === undefined ? undefined : { directory, called: operand }
  })
}

async function directoryOfVolume(
  engine: Engine,
  { name, path }: { readonly name: string; readonly path: string },
  options: CallOptions,
): Promise<string | undefined> {
  const { directory } = await openVolume(engine, { name, use: 'read' }, options)
  return directory === undefined ? undefined : `${directory}${path === '/' ? '' : path}`
}

/** What the container has mounted at the path from a directory of this host; undefined where links lead out of that. */
async function mountedHere(
  engine: Engine,
  { container, path }: { readonly container: ContainerInfo; readonly path: string },
): Promise<string | undefined> {
  const mount = container.mounts
    .filter(({ destination }) => path === destination || path.startsWith(`${destination}/`))
    .sort((a, b) => b.destination.length - a.destination.length)[0]
  if (mount === undefined || mount.kind === 'other' || !(await hasPathsOfThisHost(engine))) return undefined
  const covered = container.mounts.some(({ destination }) => destination.startsWith(`${path}/`))
  if (covered) return undefined
  try {
    const source = await realpath(mount.source)
    const real = await realpath(`${mount.source}${path.slice(mount.destination.length)}`)
    return real === source || real.startsWith(`${source}${sep}`) ? real : undefined
  } catch (error) {
    // Not for this user, or a path of another host that happens to be called as this one.
    if (systemCode(error) === undefined) throw error
    return undefined
  }
}

export function notHere(operand: string): BallastError {
  return new BallastError('USAGE', `${operand} is not on this host, and is looked at as a whole`, {
    hint: '--marker and --follow are for directories and volumes of this host: run the command where they are',
  })
}

interface Wanted {
  readonly session: Session
  readonly operand: string
  readonly filter: PathFilter
  readonly quietMs: number | undefined
  readonly waitMs: number | undefined
}

async function find(store: Store, wanted: Wanted, options: CaptureOptions): Promise<Found> {
  const { operand } = wanted
  const parsed = parseOperand(operand)
  switch (parsed.kind) {
    case 'volume':
      return withEngine(options.engine, (engine) =>
        findInVolume(engine, { ...wanted, ...splitNameAndPath(parsed.text) }, options),
      )
    case 'container':
      return withEngine(options.engine, (engine) =>
        findInNamed(engine, { ...wanted, ...splitNameAndPath(parsed.text) }, options),
      )
    case 'image':
      return findInImage(store, { ...wanted, ...splitImageAndPath(parsed.text) }, options)
    case 'layout':
    case 'archive':
    case 'registry':
      return findInImage(store, { ...wanted, ...splitImageAndPath(operand) }, options)
    default:
      throw new BallastError('USAGE', `${operand} is nothing that files can be taken from`, {
        hint: 'name a directory (./models), volume:NAME, container:NAME:PATH or image:NAME:PATH',
      })
  }
}

interface Place extends Wanted {
  readonly name: string
  readonly path: string
}

/** Containers that are not known of may have it mounted. */
function findInVolume(engine: Engine, place: Place, options: CallOptions): Promise<Found> {
  return withVolumeHelper(engine, { volume: place.name }, ({ id, root }) =>
    scanContainer(engine, { ...place, id, path: `${root}${place.path}`, isRunning: true }, options),
  )
}

async function findInNamed(engine: Engine, place: Place, options: CallOptions): Promise<Found> {
  const { id, image, isRunning } = await containerCalled(engine, place.name, options)
  if (place.path === '') throw pathMissing(place.operand, `container:${place.name}`)
  const found = await scanContainer(engine, { ...place, id, isRunning }, options)
  return { ...found, next: await nextByHistory(engine, { image, path: place.path }) }
}

async function findInImage(store: Store, place: Place, options: CaptureOptions): Promise<Found> {
  if (place.path === '' || place.path === '/') throw pathMissing(place.operand, place.operand)
  if (isEngineImage(place.name)) {
    return withEngine(options.engine, (engine) => findInEngineImage(engine, place, options))
  }
  return findInLayers(store, place, options)
}

function findInEngineImage(engine: Engine, place: Place, options: CallOptions): Promise<Found> {
  const image = place.name
  return withContainerOf(engine, { image, signal: options.signal }, async (id) => ({
    ...(await scanContainer(engine, { ...place, id, isRunning: false }, options)),
    next: await nextByHistory(engine, { image, path: place.path }),
  }))
}

async function nextByHistory(
  engine: Engine,
  { image, path }: { readonly image: string; readonly path: string },
): Promise<Next> {
  const changes = copySteps(linesOf(await imageFacts(engine, image)), path)
  if (changes.length === 0) return undefined
  return (_, ref) =>
    `in the Dockerfile: ${changes.join('; ')}. Build the image again, then: ballast embed ${ref}=${path} ${image} -t ${image}`
}

/** No container and nothing unpacked: each layer that has files of the path is read once. */
async function findInLayers(
  store: Store,
  { session, operand, filter, name, path }: Place,
  options: CaptureOptions,
): Promise<Found> {
  const { access, ...calls } = options
  const { repository, reference } = await openImage(name, access)
  const image = await readImage(repository, { reference }, calls)
  const layers = image.layers.map((layer, at) => ({ ...layer, diffId: image.diffIds[at] ?? layer.digest }))
  const inventories: Inventory[] = []
  for (const layer of layers) {
    inventories.push(await readLayerInventory(store, session, { repository, layer }, calls))
  }
  const view = mergeInventories(inventories)
  const real = view.resolve(`${path}/.`).path
  const tree = createTarTree({ directory: session.directory, root: real, absolute: `/${real}` })
  for (const [at, layer] of layers.entries()) {
    const wanted = new Set<string>()
    for (const [inside, node] of view.entries()) {
      const isBelow = inside === real || inside.startsWith(`${real}/`)
      if (isBelow && node.layer === at) wanted.add(inside)
    }
    if (wanted.size === 0) continue
    const missing = new Set([...wanted].filter((inside) => view.lookup(inside)?.type !== 'directory'))
    const chunks = verified(repository.openBlob(layer, calls).open(), layer)
    const take = (inside: string): boolean => {
      missing.delete(inside)
      return wanted.has(inside)
    }
    await tree.take(decompressed(chunks), { ...calls, wanted: take })
    const [first] = missing
    if (first !== undefined) throw behindLink(first, operand)
  }
  const base = baseLayers(image)
  const own = base.flatMap(({ diffId }) => inventories[image.diffIds.indexOf(diffId)] ?? [])
  const baseFiles = { layers: base, inventories: own, view: mergeInventories(own) }
  return {
    scan: await tree.scan(filter),
    next: ({ files }, ref) => {
      const command = `ballast embed ${ref}=${path} ${name} -t ${name}`
      try {
        refuseCopiedModel({ base: baseFiles, files, path, reference: ref, command })
        return undefined
      } catch (error) {
        if (isBallastError(error, 'REFUSED')) return error.hint
        throw error
      }
    },
  }
}

/** A layer may name a file through a link of a lower one; what stands where is then known only to who unpacks it. */
function behindLink(path: string, operand: string): BallastError {
  return new BallastError('REFUSED', `/${path} of ${operand} stands in its layer under another name`, {
    hint: 'pull the image, then capture it from the Engine: ballast capture image:NAME:PATH MODEL',
  })
}
