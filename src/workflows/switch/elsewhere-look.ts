import { resolve } from 'node:path'
import { BallastError, type CallOptions, type Digest, isBallastError, isDigest } from '../../core/index.ts'
import { copiedSteps, formatImageReference, parseImageReference } from '../../embed/index.ts'
import { type AppModel, type AppTarget, parseReference } from '../../model/index.ts'
import { inspectTarget } from '../../mount/index.ts'
import { historyLine } from '../../oci/index.ts'
import type { Store } from '../../store/index.ts'
import { check } from '../check.ts'
import type { CheckResult } from '../check-target.ts'
import { openImage } from '../image-places.ts'
import { findVersion } from '../resolve.ts'
import { engineOf } from '../run-request.ts'
import type { Declared, SwitchRequest } from './request.ts'
import { linesFor, storedAs } from './served-model.ts'

/** An application whose image is in a registry or a layout, and whose models a directory may hold. */
export interface DeployedApp {
  readonly image: string
  /** What the image is called with the models in it, and without. */
  readonly withModel: string
  readonly withoutModel: string
  readonly models: readonly DeployedModel[]
}

export interface DeployedModel {
  readonly ref: string
  readonly path: string
  readonly target: AppTarget | undefined
  /** Of the target, absolute; empty where there is none. */
  readonly directory: string
  readonly isTargetAbsent: boolean
  /** What is where: of the application's image, of that with the models, of the directory. */
  readonly inImage: Digest | undefined
  readonly inWithModel: Digest | undefined
  readonly inTarget: Digest | undefined
  readonly isCopied: boolean
  readonly lines: readonly string[]
  /** What counts as served now, and as what the store has it. */
  readonly version: string | undefined
  readonly digest: Digest | undefined
  readonly stored: string | undefined
  /** Where it can be taken from, as an operand of `capture`. */
  readonly source: string
  readonly isRefFree: boolean
  readonly bytes: number
}

const WITH = '-with-model'
const WITHOUT = '-without-model'

/** Throws REFUSED for an image that has no tag of its own. */
function namesOf(image: string): Pick<DeployedApp, 'withModel' | 'withoutModel'> {
  const parsed = parseImageReference(image)
  if (isDigest(parsed.reference) || parsed.reference === '') {
    throw new BallastError('REFUSED', `${image} has no tag, so that nothing can be named after it`, {
      hint: 'name the image of the application with a tag in ballast.yaml',
    })
  }
  const tag = parsed.reference.replace(/-(?:with|without)-model$/, '')
  const named = (suffix: string): string =>
    formatImageReference({ ...parsed, reference: `${tag}${suffix}` } as typeof parsed)
  return { withModel: named(WITH), withoutModel: named(WITHOUT) }
}

export async function lookAtDeployed(
  store: Store,
  { declared: { app, targets }, request }: { readonly declared: Declared; readonly request: SwitchRequest },
  options: CallOptions,
): Promise<DeployedApp> {
  const { image } = app
  if (image === undefined) {
    throw new BallastError('USAGE', `ballast.yaml says of no image that it is that of ${app.name}`, {
      hint: `add a line to it: image: localhost:5000/${app.name}:latest`,
    })
  }
  const names = namesOf(image)
  const settings = { ...options, access: request.access, engine: engineOf(request.access) }
  const own = await check(store, image, settings)
  const made =
    image === names.withModel ? own : await check(store, names.withModel, settings).catch(noneThere)
  const models: DeployedModel[] = []
  for (const model of app.models) {
    const target = targets.find(({ ref, to }) => isSameModel(ref, model.ref) && !to.startsWith('volume:'))
    const directory = target === undefined ? '' : resolve(request.directory, target.to)
    const state = target === undefined ? 'absent' : (await inspectTarget(directory)).kind
    const delivered = target === undefined ? [] : await check(store, directory, settings)
    const found = { inImage: at(own, model), inWithModel: at(made, model), inTarget: delivered[0] }
    const steps =
      found.inImage === undefined ? await stepsAt(store, { image, path: model.path, request }, options) : []
    const served = servedNow(found, request.to)
    const stored = await storedNow(store, { model, served, isCopied: steps.length > 0 })
    models.push({
      ...model,
      ...{ target, directory, isTargetAbsent: state === 'absent' },
      ...{ inImage: found.inImage?.digest, inWithModel: found.inWithModel?.digest },
      inTarget: found.inTarget?.faults.length === 0 ? found.inTarget.digest : undefined,
      isCopied: steps.length > 0,
      lines: linesFor(steps, model.path),
      ...stored,
      source: sourceOf(found, { served, directory, image, path: model.path, withModel: names.withModel }),
      isRefFree: (await store.records.resolve(parseReference(model.ref))) === undefined,
    })
  }
  return { image, ...names, models }
}

function noneThere(error: unknown): readonly CheckResult[] {
  if (isBallastError(error, 'NOT_FOUND')) return []
  throw error
}

function isSameModel(a: string, b: string): boolean {
  return parseReference(a).name === parseReference(b).name
}

function at(results: readonly CheckResult[], { path }: AppModel): CheckResult | undefined {
  return results.find(({ operand, digest }) => digest !== undefined && operand.endsWith(`:${path}`))
}

async function stepsAt(
  store: Store,
  {
    image,
    path,
    request,
  }: { readonly image: string; readonly path: string; readonly request: SwitchRequest },
  options: CallOptions,
): Promise<readonly string[]> {
  const base = await openImage(image, request.access, { direct: true, store })
  try {
    return (await copiedSteps(store, { base, paths: [path] }, options)).map(historyLine)
  } finally {
    await base.repository.close?.()
  }
}

interface Found {
  readonly inImage: CheckResult | undefined
  readonly inWithModel: CheckResult | undefined
  readonly inTarget: CheckResult | undefined
}

/** What a switch leads away from: the directory, or the image. */
function servedNow(
  { inImage, inWithModel, inTarget }: Found,
  to: SwitchRequest['to'],
): CheckResult | undefined {
  const mounted = inTarget?.digest === undefined ? undefined : inTarget
  return to === 'embed' ? (mounted ?? inImage) : (inImage ?? inWithModel ?? mounted)
}

function sourceOf(
  { inTarget, inWithModel }: Found,
  {
    served,
    directory,
    image,
    withModel,
    path,
  }: Pick<DeployedApp, 'image' | 'withModel'> & {
    readonly served: CheckResult | undefined
    readonly directory: string
    readonly path: string
  },
): string {
  if (served !== undefined && served === inTarget) return directory
  return `${served !== undefined && served === inWithModel ? withModel : image}:${path}`
}

/** Of what nothing serves yet, the version that the reference means. */
async function storedNow(
  store: Store,
  {
    model: { ref },
    served,
    isCopied,
  }: { readonly model: AppModel; readonly served: CheckResult | undefined; readonly isCopied: boolean },
): Promise<Pick<DeployedModel, 'version' | 'digest' | 'stored' | 'bytes'>> {
  if (served === undefined && isCopied)
    return { version: undefined, digest: undefined, stored: undefined, bytes: 0 }
  const stored =
    served === undefined
      ? ref
      : await storedAs(store, { ref, version: served.version, digest: served.digest })
  if (stored === undefined)
    return { version: served?.version, digest: served?.digest, stored: undefined, bytes: 0 }
  const { version, number, reference } = await findVersion(store, stored)
  return {
    version: number === 0 ? ref : `${reference.name}:${number}`,
    digest: version.digest,
    stored,
    bytes: version.files.reduce((sum, { size }) => sum + size, 0),
  }
}
