import { type CallOptions, isBallastError } from '../core/index.ts'
import {
  type ContainerInfo,
  changedInContainer,
  type Engine,
  inspectContainer,
  readFromContainer,
} from '../docker/index.ts'
import { directoryOf, type EmbeddedModel, MODELS_LABEL, readLabel } from '../oci/index.ts'
import type { Store } from '../store/index.ts'
import { readTar } from '../tar/index.ts'
import { noModel } from './check-container-path.ts'
import { checkCopied } from './check-copied.ts'
import type { CheckOptions, CheckResult } from './check-target.ts'
import { userOf, whyUnreadable } from './container-user.ts'
import { withContainerOf } from './engine-operands.ts'
import { staleness } from './staleness.ts'

export interface InContainer {
  readonly engine: Engine
  readonly container: ContainerInfo
  readonly operand: string
}

/** The image's layers are immutable; what the container has written over them shows without reading any. */
export async function checkEmbedded(
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
    const files = user.uid === 0 ? [] : await filesBelow(engine, { id, path: directory }, options)
    const trees = model.path === null ? [directory] : [directory, model.path]
    for (const tree of trees) {
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

/** Whether the path is where the model's directory is, or the link that leads there. */
export function isAt(model: EmbeddedModel, path: string): boolean {
  return [directoryOf(model), model.path].includes(path)
}

/** What an image of the Engine holds, by a container of it that is never started; at one path, or wherever a model is. */
export function checkEngineImage(
  store: Store,
  {
    engine,
    operand,
    name: image,
    path,
  }: {
    readonly engine: Engine
    readonly operand: string
    readonly name: string
    /** Empty for all of it. */
    readonly path: string
  },
  options: CheckOptions,
): Promise<readonly CheckResult[]> {
  return withContainerOf(engine, { image, signal: options.signal }, async (id) => {
    const container = await inspectContainer(engine, id, options)
    const models = readLabel({ config: { Labels: container.labels } }).filter(
      (model) => path === '' || isAt(model, path),
    )
    if (models.length === 0) {
      const copied = await checkCopied(store, { engine, container, operand, path }, options)
      return copied.length > 0 ? copied : [notEmbedded(operand)]
    }
    const results: CheckResult[] = []
    for (const model of models) {
      results.push(await checkEmbedded(store, { engine, container, operand, model }, options))
    }
    return results
  })
}

/** An image that Ballast has put nothing into. */
export function notEmbedded(operand: string): CheckResult {
  const none = noModel(operand, [`no label ${MODELS_LABEL}: no model was embedded`], '')
  const capture = `ballast capture ${operand.startsWith('image:') ? operand : `image:${operand}`}:PATH NAME`
  return {
    ...none,
    mend: `embed one (ballast embed); one that docker build has copied is known by its bytes once they are in the store: ${capture}`,
  }
}
