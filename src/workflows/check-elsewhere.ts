import { hostname } from 'node:os'
import { BallastError, type CallOptions, isBallastError, verified } from '../core/index.ts'
import {
  type ContainerInfo,
  changedInContainer,
  createContainer,
  type Engine,
  type EngineChoice,
  inspectContainer,
  readFromContainer,
  removeContainer,
  withVolumeHelper,
} from '../docker/index.ts'
import { readImage } from '../embed/index.ts'
import { parseOperand, splitNameAndPath } from '../model/index.ts'
import { inspectTarget } from '../mount/index.ts'
import { directoryOf, type EmbeddedModel, MODELS_LABEL, readLabel } from '../oci/index.ts'
import type { Store } from '../store/index.ts'
import { readTar } from '../tar/index.ts'
import { isEngineImage, noContainer, noImage } from './capture.ts'
import { checkInContainer, noModel } from './check-container-path.ts'
import { type CheckOptions, type CheckResult, checkTarget } from './check-target.ts'
import { userOf, whyUnreadable } from './container-user.ts'
import { withEngine } from './engine-access.ts'
import { type ImageAccess, openImage } from './image-places.ts'
import { staleness } from './staleness.ts'
import { openVolume } from './volume-place.ts'

/** What it takes to get there. */
export type ElsewhereOptions = CheckOptions & { readonly access: ImageAccess; readonly engine: EngineChoice }

/** `check` of what is not a directory or a model of the store. */
export async function checkElsewhere(
  store: Store,
  operand: string,
  options: ElsewhereOptions,
): Promise<readonly CheckResult[]> {
  const parsed = parseOperand(operand)
  switch (parsed.kind) {
    case 'volume':
      return withEngine(options.engine, (engine) =>
        checkVolume(store, { engine, operand, name: parsed.text }, options),
      )
    case 'container':
      return withEngine(options.engine, (engine) =>
        checkContainer(store, { engine, operand, ...splitNameAndPath(parsed.text) }, options),
      )
    case 'image':
      if (!isEngineImage(parsed.text)) return checkLayers(store, { operand, image: parsed.text }, options)
      return withEngine(options.engine, (engine) =>
        checkEngineImage(store, { engine, operand, name: parsed.text }, options),
      )
    case 'registry':
    case 'layout':
    case 'archive':
      return checkLayers(store, { operand, image: operand }, options)
    default:
      throw new BallastError('USAGE', `${operand} is nothing that can be checked`, {
        hint: 'name a directory, a model of the store, volume:NAME, container:NAME or image:NAME',
      })
  }
}

interface InEngine {
  readonly engine: Engine
  readonly operand: string
  readonly name: string
}

async function checkVolume(
  store: Store,
  { engine, operand, name }: InEngine,
  options: CheckOptions,
): Promise<readonly CheckResult[]> {
  const { directory } = await openVolume(engine, { name, use: 'read' }, options)
  if (directory !== undefined) return checkTarget(store, { target: directory, operand }, options)
  return withVolumeHelper(engine, { volume: name }, ({ id, root }) =>
    checkInContainer(store, { engine, id, path: root, operand }, options),
  )
}

/** At one path, or wherever a model is mounted or embedded. */
async function checkContainer(
  store: Store,
  { engine, operand, name, path }: InEngine & { readonly path: string },
  options: CheckOptions,
): Promise<readonly CheckResult[]> {
  const container = await inspectContainer(engine, name, options).catch((error: unknown) => {
    throw isBallastError(error, 'NOT_FOUND') ? noContainer(name, error) : error
  })
  const where = { engine, container, operand: `container:${name}` }
  const models = readLabel({ config: { Labels: container.labels } })
  const wanted = models.filter((model) => path === '' || isAt(model, path))
  const results: CheckResult[] = []
  const empty: string[] = []
  const covered = new Set<string>()
  for (const { kind, destination, source } of container.mounts) {
    const hidden = wanted.filter((model) => hides(destination, model))
    if (kind === 'other' || (path !== '' && !isBelow(path, destination) && hidden.length === 0)) continue
    const place = path !== '' && isBelow(path, destination) ? path : destination
    const found = await checkMount(store, { ...where, path: place, destination, source }, options)
    const isModel = found.some(({ version }) => version !== undefined)
    for (const model of hidden) covered.add(model.name)
    if (found.some(isEmptyMount)) empty.push(destination)
    if (isModel || hidden.length > 0 || path !== '')
      results.push(...found.map((one) => noteHidden(one, hidden)))
  }
  for (const model of wanted.filter(({ name: called }) => !covered.has(called))) {
    results.push(await checkEmbedded(store, { ...where, model }, options))
  }
  if (results.length > 0) return results
  if (path !== '') {
    return checkInContainer(store, { engine, id: container.id, path, operand, user: container.user }, options)
  }
  const faults = empty.map((at) => `${at}: an empty directory is mounted there`)
  return [noModel(operand, faults.length > 0 ? faults : ['no model that Ballast put there'], path)]
}

interface InContainer {
  readonly engine: Engine
  readonly container: ContainerInfo
  readonly operand: string
}

/** Directly where the mount's source is a directory of this host, since links and inodes are seen as they are there. */
async function checkMount(
  store: Store,
  {
    engine,
    container,
    operand,
    path,
    destination,
    source,
  }: InContainer & {
    readonly path: string
    readonly destination: string
    readonly source: string
  },
  options: CheckOptions,
): Promise<readonly CheckResult[]> {
  const label = `${operand}:${path}`
  const place = { engine, id: container.id, path, operand: label, user: container.user }
  const isHere = 'socketPath' in engine.endpoint.connect && (await engine.info()).hostName === hostname()
  const state =
    isHere && path === destination ? await inspectTarget(source).catch(() => undefined) : undefined
  if (state?.kind !== 'pinned' && state?.kind !== 'following') return checkInContainer(store, place, options)
  const found = await checkTarget(store, { target: source, operand: label }, options)
  if (container.user === '') return found
  // Who may read it is told by what the container sees.
  const seen = await checkInContainer(store, place, { ...options, full: false })
  return found.map((one, at) => ({
    ...one,
    faults: [...new Set([...one.faults, ...(seen[at]?.faults ?? [])])],
  }))
}

function isEmptyMount({ faults }: CheckResult): boolean {
  return faults.some((fault) => fault.endsWith('is empty'))
}

function noteHidden(result: CheckResult, hidden: readonly EmbeddedModel[]): CheckResult {
  if (hidden.length === 0) return result
  const what = hidden.map(({ model, number }) => `${model}:${number}`).join(', ')
  const text = `what is mounted there hides ${what}, which is embedded in the image`
  if (result.version !== undefined) return { ...result, notes: [...(result.notes ?? []), text] }
  return { ...result, faults: [...result.faults, text], mend: 'start the container without that mount' }
}

/** The Engine follows the link at the application's path, so a mount there stands in the place of the model's directory. */
function hides(destination: string, model: EmbeddedModel): boolean {
  return [directoryOf(model), model.path].some((path) => path !== null && isBelow(path, destination))
}

function isAt(model: EmbeddedModel, path: string): boolean {
  return [directoryOf(model), model.path].includes(path)
}

function isBelow(path: string, directory: string): boolean {
  return path === directory || directory === '/' || path.startsWith(`${directory}/`)
}

/** The image's layers are immutable; what the container has written over them shows without reading any. */
async function checkEmbedded(
  store: Store,
  { engine, container, operand, model }: InContainer & { readonly model: EmbeddedModel },
  options: CheckOptions,
): Promise<CheckResult> {
  const directory = directoryOf(model)
  const { id } = container
  const changes = await changedInContainer(engine, id, options)
  const faults = changes
    .filter(({ path, how }) => path.startsWith(`${directory}/`) || (path === directory && how === 'deleted'))
    .map(({ path, how }) => `${path}: ${how} in the container`)
  const user = await userOf(engine, container, options)
  if (user === undefined) faults.push(`the container has no user ${container.user}`)
  else {
    const trees = model.path === null ? [directory] : [directory, model.path]
    for (const tree of trees) {
      const files = user.uid === 0 ? [] : await filesBelow(engine, { id, path: directory }, options)
      const why = await whyUnreadable(engine, { id, tree, files, user }, options)
      if (why !== undefined && !faults.includes(why)) faults.push(why)
    }
  }
  return {
    operand: `${operand}:${model.path ?? directory}`,
    version: `${model.model}:${model.number}`,
    digest: model.digest,
    faults,
    extra: [],
    mend: faults.length === 0 ? undefined : 'start a new container of the image, as a user who may read it',
    ...(await staleness(store, model)),
    notes: ['embedded in the image'],
  }
}

const MOST_NAMES = 50

/** The first few names, without reading on. */
async function filesBelow(
  engine: Engine,
  place: { readonly id: string; readonly path: string },
  options: CallOptions,
): Promise<readonly string[]> {
  const names: string[] = []
  try {
    for await (const { path, type } of readTar(await readFromContainer(engine, place, options))) {
      if (type === 'file') names.push(path.split('/').slice(1).join('/'))
      if (names.length >= MOST_NAMES) break
    }
  } catch (error) {
    if (!isBallastError(error, 'NOT_FOUND')) throw error
  }
  return names
}

/** By a container of it that is never started. */
async function checkEngineImage(
  store: Store,
  { engine, operand, name }: InEngine,
  options: CheckOptions,
): Promise<readonly CheckResult[]> {
  const command = ['never started']
  const id = await createContainer(engine, { image: name, command }, options).catch((error: unknown) => {
    throw isBallastError(error, 'NOT_FOUND') ? noImage(name, error) : error
  })
  try {
    const container = await inspectContainer(engine, id, options)
    const models = readLabel({ config: { Labels: container.labels } })
    if (models.length === 0)
      return [noModel(operand, [`no label ${MODELS_LABEL}: no model was embedded`], '')]
    const results: CheckResult[] = []
    for (const model of models) {
      results.push(await checkEmbedded(store, { engine, container, operand, model }, options))
    }
    return results
  } finally {
    await removeContainer(engine, id)
  }
}

/** Of an image in a registry, a layout or an archive: its layers are there, and with `full` are what they are called. */
async function checkLayers(
  store: Store,
  { operand, image: name }: { readonly operand: string; readonly image: string },
  { access, engine: _, full = false, ...options }: ElsewhereOptions,
): Promise<readonly CheckResult[]> {
  const { repository, reference } = await openImage(name, access)
  const image = await readImage(repository, { reference }, options)
  const models = readLabel(image.config)
  if (models.length === 0) return [noModel(operand, [`no label ${MODELS_LABEL}: no model was embedded`], '')]
  const results: CheckResult[] = []
  for (const model of models) {
    const faults: string[] = []
    for (const diffId of model.layers) {
      const layer = image.layers[image.diffIds.indexOf(diffId)]
      if (layer === undefined) faults.push(`the layer ${diffId} is not part of the image`)
      else if (!(await repository.hasBlob(layer, options)))
        faults.push(`the layer ${layer.digest} is missing`)
      else if (full) {
        const fault = await faultOf(verified(repository.openBlob(layer, options).open(), layer))
        if (fault !== undefined) faults.push(fault)
      }
    }
    results.push({
      operand: `${operand}:${model.path ?? directoryOf(model)}`,
      version: `${model.model}:${model.number}`,
      digest: model.digest,
      faults,
      extra: [],
      mend:
        faults.length === 0 ? undefined : `embed it again: ballast embed ${model.reference} IMAGE -t ${name}`,
      ...(await staleness(store, model)),
      notes: ['embedded in the image'],
    })
  }
  return results
}

async function faultOf(chunks: AsyncIterable<Uint8Array>): Promise<string | undefined> {
  try {
    for await (const _ of chunks) {
      // Only the verification is wanted.
    }
    return undefined
  } catch (error) {
    if (isBallastError(error, 'DAMAGED') || isBallastError(error, 'NOT_FOUND')) return error.message
    throw error
  }
}
