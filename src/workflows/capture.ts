import { basename, resolve } from 'node:path'
import { BallastError, type CallOptions, isBallastError, verified } from '../core/index.ts'
import {
  type Engine,
  type EngineChoice,
  imageFacts,
  readFromContainer,
  withVolumeHelper,
} from '../docker/index.ts'
import { baseLayers, readImage, readLayerInventory, refuseCopiedModel } from '../embed/index.ts'
import { parseOperand, splitImageAndPath, splitNameAndPath, type Version } from '../model/index.ts'
import {
  currentGeneration,
  decodeState,
  GENERATIONS,
  inspectTarget,
  readState,
  STATE,
} from '../mount/index.ts'
import { decompressed, type Inventory, mergeInventories } from '../oci/index.ts'
import { createTarTree, type Scan, scanLocalFiles } from '../sources/index.ts'
import type { Session, Store } from '../store/index.ts'
import { type AddResult, addFiles, parseNewVersion } from './add.ts'
import { readFileInContainer, requireInContainer } from './container-files.ts'
import { copySteps } from './copy-steps.ts'
import { withEngine } from './engine-access.ts'
import { containerCalled, isEngineImage, withContainerOf } from './engine-operands.ts'
import { type ImageAccess, openImage } from './image-places.ts'
import { openVolume } from './volume-place.ts'

export interface CaptureRequest {
  /** A directory, `volume:NAME[:PATH]`, `container:NAME[:PATH]` or `image:IMAGE:PATH`. */
  readonly operand: string
  /** `NAME[:TAG]`, as `add` takes it. */
  readonly name: string
}

export interface CaptureResult extends AddResult {
  /** Of an image whose Dockerfile copied the model: what to change in it, and the command to go on with. */
  readonly next: string | undefined
}

export type CaptureOptions = CallOptions & { readonly access: ImageAccess; readonly engine: EngineChoice }

/** What has been found, and what to do about where it was found. */
interface Found {
  readonly scan: Scan
  readonly next?: ((version: Pick<Version, 'files'>, ref: string) => string | undefined) | undefined
}

/**
 * Files that are somewhere already become a version of a model; what Ballast itself wrote beside them is left out.
 * Nothing is changed where they are. Throws NOT_FOUND, REFUSED for what no model can hold, and what `add` throws.
 */
export async function capture(
  store: Store,
  { operand, name }: CaptureRequest,
  options: CaptureOptions,
): Promise<CaptureResult> {
  parseNewVersion(name)
  await using session = await store.begin()
  const { scan, next } = await find(store, { session, operand }, options)
  const isLocal = parseOperand(operand).kind === 'path'
  const from = isLocal ? resolve(operand) : operand
  // What waits in the session's own directory becomes blobs without being copied once more.
  const move = scan.files.length > 0 && scan.files.every(({ place }) => place.startsWith(session.directory))
  const added = await addFiles(store, { name, scan, from, by: 'capture', move }, options)
  const { files } = await store.readVersion(added.digest)
  return { ...added, next: next?.({ files }, added.ref) }
}

interface Wanted {
  readonly session: Session
  readonly operand: string
}

async function find(store: Store, { session, operand }: Wanted, options: CaptureOptions): Promise<Found> {
  const parsed = parseOperand(operand)
  switch (parsed.kind) {
    case 'path':
      return { scan: await scanDirectory(resolve(operand)) }
    case 'volume':
      return withEngine(options.engine, (engine) =>
        findInVolume(engine, { session, operand, ...splitNameAndPath(parsed.text) }, options),
      )
    case 'container':
      return withEngine(options.engine, (engine) =>
        findInNamed(engine, { session, operand, ...splitNameAndPath(parsed.text) }, options),
      )
    case 'image':
      return findInImage(store, { session, operand, ...splitImageAndPath(parsed.text) }, options)
    case 'layout':
    case 'archive':
    case 'registry':
      return findInImage(store, { session, operand, ...splitImageAndPath(operand) }, options)
    default:
      throw new BallastError('USAGE', `${operand} is nothing that files can be taken from`, {
        hint: 'name a directory (./models), volume:NAME, container:NAME:PATH or image:NAME:PATH',
      })
  }
}

/** A target that follows one tag stands for the version that it leads to. */
async function scanDirectory(directory: string): Promise<Scan> {
  if ((await inspectTarget(directory).catch(() => undefined))?.kind === 'following') {
    const name = onlyModel(Object.keys((await readState(directory)).models), directory)
    const id = await currentGeneration(directory, name)
    if (id !== undefined) return scanLocalFiles([`${directory}/${GENERATIONS}/${id}`], { skipOwn: true })
  }
  return scanLocalFiles([directory], { skipOwn: true })
}

function onlyModel(names: readonly string[], where: string): string {
  const [only, ...others] = names
  if (only !== undefined && others.length === 0) return only
  throw new BallastError('USAGE', `${where} leads to several models: ${names.join(', ')}`, {
    hint: 'name one of them behind the path',
  })
}

interface Place extends Wanted {
  readonly name: string
  readonly path: string
}

async function findInVolume(engine: Engine, place: Place, options: CallOptions): Promise<Found> {
  const volume = await openVolume(engine, { name: place.name, use: 'read' }, options)
  if (volume.directory !== undefined) return { scan: await scanDirectory(`${volume.directory}${place.path}`) }
  return withVolumeHelper(engine, { volume: place.name }, async ({ id, root }) => ({
    scan: await scanContainer(engine, { ...place, id, path: `${root}${place.path}` }, options),
  }))
}

async function findInNamed(engine: Engine, place: Place, options: CallOptions): Promise<Found> {
  const { id, image } = await containerCalled(engine, place.name, options)
  if (place.path === '') throw pathMissing(place.operand, `container:${place.name}`)
  const scan = await scanContainer(engine, { ...place, id }, options)
  return { scan, next: await nextByHistory(engine, { image, path: place.path }) }
}

async function scanContainer(
  engine: Engine,
  { session, operand, id, path }: Place & { readonly id: string },
  options: CallOptions,
): Promise<Scan> {
  let found = await requireInContainer(engine, { id, path, operand }, options)
  const state = await readFileInContainer(engine, { id, path: `${found.path}/${STATE}` }, options)
  if (state !== undefined) {
    const name = onlyModel(Object.keys(decodeState(state, `${path}/${STATE}`).models), operand)
    found = await requireInContainer(engine, { id, path: `${found.path}/${name}`, operand }, options)
  }
  if (found.path === '/') throw pathMissing(operand, operand)
  const absolute = found.path
  const tree = createTarTree({ directory: session.directory, root: basename(absolute), absolute })
  await tree.take(await readFromContainer(engine, { id, path: absolute }, options), options)
  return tree.scan()
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
    scan: await scanContainer(engine, { ...place, id }, options),
    next: await nextByHistory(engine, { image, path: place.path }),
  }))
}

async function nextByHistory(
  engine: Engine,
  { image, path }: { readonly image: string; readonly path: string },
): Promise<Found['next']> {
  const changes = copySteps((await imageFacts(engine, image))?.steps ?? [], path)
  if (changes.length === 0) return undefined
  return (_, ref) =>
    `in the Dockerfile: ${changes.join('; ')}. Build the image again, then: ballast embed ${ref}=${path} ${image} -t ${image}`
}

/** No container and nothing unpacked: each layer that has files of the path is read once. */
async function findInLayers(
  store: Store,
  { session, operand, name, path }: Place,
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
    scan: await tree.scan(),
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

function pathMissing(operand: string, example: string): BallastError {
  return new BallastError('USAGE', `which directory of ${operand} is the model?`, {
    hint: `name its path: ${example}:/app/models`,
  })
}
