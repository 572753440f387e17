import { BallastError, type CallOptions } from '../core/index.ts'
import { type Engine, listContainers, readContainer, removeContainer } from '../docker/index.ts'
import {
  type ComparedVersion,
  divideMetrics,
  type Json,
  LARGEST_METRICS,
  parseMetrics,
} from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { findInContainer, readFileInContainer } from './container-files.ts'
import { withEngine } from './engine-access.ts'
import type { ImageAccess } from './image-places.ts'
import { type AttachedMetrics, attachMetrics } from './metrics.ts'
import { type Evaluation, engineOf, type PreparedRun, type RunModel } from './run-request.ts'

export interface EndedRun {
  readonly models: PreparedRun['models']
  readonly evaluation: Evaluation
  readonly exitCode: number
  readonly access: ImageAccess
}

/**
 * Attaches what the container of an evaluation has written to the versions that it compared, all or none; nothing where it has
 * failed. With `--rm` the container then goes, but stays where its metrics could not be attached. Throws USAGE for metrics that
 * do not tell of each version, REFUSED for a file of an earlier run, NOT_FOUND where there is none.
 */
export async function attachRunMetrics(
  store: Store,
  { models, evaluation, exitCode, access }: EndedRun,
  options: CallOptions = {},
): Promise<readonly AttachedMetrics[]> {
  return withEngine(engineOf(access), async (engine) => {
    const [container] = await listContainers(engine, evaluation.label, options)
    if (container === undefined) {
      if (exitCode !== 0) return []
      throw new BallastError(
        'NOT_FOUND',
        'the container of the evaluation is gone, and its metrics with it',
        {
          hint: 'run it again, and leave its removal to --rm',
        },
      )
    }
    const attached =
      exitCode === 0 ? await attachFrom(store, { engine, container, models, evaluation }, options) : []
    if (evaluation.removes) await removeContainer(engine, container.id)
    return attached
  })
}

interface EndedContainer {
  readonly engine: Engine
  readonly container: { readonly id: string; readonly name: string }
  readonly models: readonly RunModel[]
  readonly evaluation: Evaluation
}

async function attachFrom(
  store: Store,
  { engine, container, models, evaluation }: EndedContainer,
  options: CallOptions,
): Promise<readonly AttachedMetrics[]> {
  const { file, run } = evaluation
  try {
    const { imageId, document } = await readMetricsFile(engine, { id: container.id, file }, options)
    const parts = divideMetrics(document, { versions: models.map(namesOf), what: file })
    const measured = models.map(({ model, digest }, at) => ({
      ref: `${model}@${digest}`,
      metrics: parts[at] as Json,
    }))
    return await attachMetrics(store, {
      measured,
      by: 'run',
      run: { ...run, imageId: run.imageId ?? imageId },
    })
  } catch (error) {
    if (!(error instanceof BallastError)) throw error
    const { code, message, hint } = error
    const { name } = container
    const stays = `the container is still there (docker cp ${name}:FILE .), and what it has written can be attached: ballast attach ${models[0]?.version} FILE`
    throw new BallastError(code, message, {
      cause: error,
      hint: hint === undefined ? stays : `${hint}; ${stays}`,
    })
  }
}

async function readMetricsFile(
  engine: Engine,
  { id, file }: { readonly id: string; readonly file: string },
  options: CallOptions,
): Promise<{ readonly imageId: string; readonly document: Json }> {
  const { imageId, state, json } = await readContainer(engine, id, options)
  if (state.isRunning) {
    throw new BallastError('CONFLICT', 'the container of the evaluation still runs: nothing was attached', {
      hint: 'do not detach from it',
    })
  }
  const found = await findInContainer(engine, { id, path: file }, options)
  if (found?.type !== 'file') {
    throw new BallastError('NOT_FOUND', `the evaluation has written no file ${file}`, {
      hint: 'name the path that it writes to, as the container has it; what is in a tmpfs is gone at its end',
    })
  }
  // The container was made before anything in it could write.
  if (Number(BigInt(found.mtimeNs || 0) / 1_000_000n) < Date.parse(String(json.Created))) {
    throw new BallastError('REFUSED', `${file} is from before this run, which has not written it`, {
      hint: 'have the evaluation write it each time',
    })
  }
  const bytes =
    found.size > LARGEST_METRICS ? undefined : await readFileInContainer(engine, { id, path: file }, options)
  return { imageId, document: parseMetrics(bytes ?? Buffer.alloc(0), file) }
}

/** A model's name alone does where only one version of it is compared. */
function namesOf({ model, version, reference, digest, path }: RunModel): ComparedVersion {
  return { version, names: [reference, model, path, digest, `${model}@${digest}`] }
}
