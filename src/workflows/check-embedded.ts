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

/** What an image of the Engine holds, by a container of it that is never started. */
export function checkEngineImage(
  store: Store,
  {
    engine,
    operand,
    name: image,
  }: { readonly engine: Engine; readonly operand: string; readonly name: string },
  options: CheckOptions,
): Promise<readonly CheckResult[]> {
  return withContainerOf(engine, { image, signal: options.signal }, async (id) => {
    const container = await inspectContainer(engine, id, options)
    const models = readLabel({ config: { Labels: container.labels } })
    if (models.length === 0) return [notEmbedded(operand)]
    const results: CheckResult[] = []
    for (const model of models) {
      results.push(await checkEmbedded(store, { engine, container, operand, model }, options))
    }
    return results
  })
}

/** An image that Ballast has put nothing into. */
export function notEmbedded(operand: string): CheckResult {
  return noModel(operand, [`no label ${MODELS_LABEL}: no model was embedded`], '')
}
