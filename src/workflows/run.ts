import { hostname } from 'node:os'
import { BallastError, type CallOptions } from '../core/index.ts'
import { type Engine, imageFacts, readRunArguments } from '../docker/index.ts'
import { formatReference } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { withEngine } from './engine-access.ts'
import { runEmbedded } from './run-embedded.ts'
import { planEvaluation } from './run-evaluation.ts'
import { placeModels, refuseSharedPaths, refuseTakenPaths } from './run-models.ts'
import { runMounted } from './run-mounted.ts'
import {
  engineOf,
  type PlacedModel,
  type PreparedRun,
  type RunModel,
  type RunRequest,
  type RunWork,
} from './run-request.ts'
import { resolvedName } from './version-name.ts'

export type { PreparedRun, RunRequest }

/**
 * Brings models to where a container can use them, and says how docker is to be called. Throws USAGE, NOT_FOUND for a
 * model or an image that is not there, REFUSED for a path that cannot be used, and what delivering or embedding throws.
 */
export async function prepareRun(
  store: Store,
  request: RunRequest,
  options: CallOptions = {},
): Promise<PreparedRun> {
  const { image, options: given } = readRunArguments(request.args, request)
  const models = await placeModels(store, { request, image }, options)
  refuseTakenPaths(models, given)
  const planned = request.metrics === undefined ? undefined : planEvaluation(request, models)
  const args = planned?.args ?? request.args
  const parsed = readRunArguments(args, request)
  return withEngine(engineOf(request.access), async (engine) => {
    await refuseSharedPaths(engine, { models, run: parsed }, options)
    const facts = await imageFacts(engine, parsed.image, options)
    const work: RunWork = { store, engine, request: { ...request, args }, parsed, facts, models }
    const { strategy, because } = await choose(work)
    const prepared = await (strategy === 'embed' ? runEmbedded : runMounted)(work, options)
    // A mounted run is of the user's own image, whose container says which one that was.
    const imageId = strategy === 'embed' ? facts?.id : undefined
    const evaluation = planned && {
      ...planned.evaluation,
      run: { ...planned.evaluation.run, imageId },
    }
    return { ...prepared, strategy, because, models: models.map(named), evaluation }
  })
}

function named({ resolved, path }: PlacedModel): RunModel {
  const { reference, version } = resolved
  return {
    model: reference.name,
    version: resolvedName(resolved),
    reference: formatReference(reference),
    digest: version.digest,
    path,
  }
}

async function choose({ engine, request }: RunWork): Promise<Pick<PreparedRun, 'strategy' | 'because'>> {
  if (request.strategy === 'embed') return { strategy: 'embed', because: undefined }
  const far = await whyNotHere(engine)
  if (request.strategy === 'auto') {
    return far === undefined
      ? { strategy: 'mount', because: 'the Engine runs on this machine, so nothing has to go into an image' }
      : { strategy: 'embed', because: `${far}, so it cannot mount a directory of this one` }
  }
  if (far === undefined) return { strategy: 'mount', because: undefined }
  throw new BallastError('REFUSED', `--strategy mount: ${far}, so it cannot mount a directory of this one`, {
    hint: 'embed the model: --strategy embed',
  })
}

/**
 * Whether the Engine has the file system of this process, told by the name of its machine: a socket may be forwarded
 * from elsewhere or belong to a virtual machine, and this process may run in a container that only has the socket.
 */
async function whyNotHere(engine: Engine): Promise<string | undefined> {
  const { hostName } = await engine.info()
  const { connect, url } = engine.endpoint
  const isNear = 'socketPath' in connect || /^(?:localhost|127\.|::1$)/.test(connect.host)
  if (isNear && hostName === hostname()) return undefined
  return `the Engine at ${url} runs on another machine (${hostName})`
}
