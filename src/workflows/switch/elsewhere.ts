import { BallastError, type CallOptions, isBallastError, throwIfAborted } from '../../core/index.ts'
import { leaveOut, readImage } from '../../embed/index.ts'
import type { Store } from '../../store/index.ts'
import { capture } from '../capture.ts'
import { check } from '../check.ts'
import { embed } from '../embed.ts'
import { openImage } from '../image-places.ts'
import { mount, mountFollowing } from '../mount.ts'
import { rollback } from '../rollback.ts'
import { engineOf } from '../run-request.ts'
import { unmount } from '../unmount.ts'
import type { DeployedApp, DeployedModel } from './elsewhere-look.ts'
import { baseImage, pathsToLeaveOut } from './elsewhere-plan.ts'
import { capturedName } from './plan.ts'
import type { SwitchOptions, SwitchRequest } from './request.ts'
import { storedAs } from './served-model.ts'

export interface SwitchedElsewhere {
  /** For people: what is to be run now in place of what runs. */
  readonly deploy: string
  readonly bytesMoved: number
  readonly warnings: readonly string[]
}

interface Elsewhere {
  readonly request: SwitchRequest
  readonly deployed: DeployedApp
}

/** Says what it has done. What it is for has happened as a whole, or it is not asked for. */
type Undo = () => Promise<string>

/** Writes an image or directories, and checks them; what fails then is undone. Nothing that runs is touched. */
export async function switchElsewhere(
  store: Store,
  work: Elsewhere,
  options: SwitchOptions,
): Promise<SwitchedElsewhere> {
  const undos: Undo[] = []
  try {
    const stored = await captureMissing(store, work, options)
    const base = await withoutModels(store, work, options)
    const switched = await (work.request.to === 'embed' ? embedThere : deliverThere)(
      store,
      { ...work, stored, base, undos },
      options,
    )
    throwIfAborted(options.signal)
    return switched
  } catch (error) {
    throw await undone(error, undos)
  }
}

type Stored = DeployedModel & { readonly stored: string }

interface Prepared extends Elsewhere {
  readonly stored: readonly Stored[]
  readonly base: string
  readonly undos: Undo[]
}

async function captureMissing(
  store: Store,
  { request: { app, access }, deployed: { models } }: Elsewhere,
  options: SwitchOptions,
): Promise<readonly Stored[]> {
  const found: Stored[] = []
  for (const model of models) {
    if (model.stored !== undefined) {
      found.push({ ...model, stored: model.stored })
      continue
    }
    const operand = model.source
    const name = capturedName(app, model)
    options.onStep?.(`capturing ${operand} as ${name}`)
    const { digest, ref } = await capture(
      store,
      { operand, name },
      { ...options, access, engine: engineOf(access) },
    )
    const stored = (await storedAs(store, { ...model, digest })) ?? ref
    found.push({ ...model, stored, digest })
  }
  return found
}

async function withoutModels(
  store: Store,
  { request: { access, to }, deployed }: Elsewhere,
  options: SwitchOptions,
): Promise<string> {
  const paths = pathsToLeaveOut(deployed.models, to)
  const name = baseImage(deployed, to)
  if (paths.length === 0) return name
  options.onStep?.(`making ${name}, which is ${deployed.image} without the model`)
  const base = await openImage(deployed.image, access, { direct: true, store })
  const result = await openImage(name, access, { create: true, store })
  try {
    await leaveOut(store, { base, result, paths }, options)
  } finally {
    await result.repository.close?.()
    await base.repository.close?.()
  }
  return name
}

async function embedThere(
  store: Store,
  { request: { access }, deployed: { withModel }, stored, base, undos }: Prepared,
  options: SwitchOptions,
): Promise<SwitchedElsewhere> {
  const wasThere = await isThere(store, { image: withModel, access }, options)
  options.onStep?.(`embedding into ${withModel}`)
  const models = stored.map((model) => `${model.stored}=${model.path}`)
  const result = await embed(store, { models, image: base, result: withModel, access }, options)
  // The same image as before leaves nothing to be put back.
  if (!wasThere || result.former !== undefined)
    undos.push(undoOfImage(store, { image: withModel, access, wasThere }))
  for (const { path, digest } of stored)
    await requireSame(store, { operand: withModel, path, digest, access }, options)
  const name = withModel.replace(/:[^:/]*$/, '')
  const paths = stored.map(({ path }) => path).join(' and ')
  return {
    deploy: `deploy ${withModel} (${name}@${result.digest}), with nothing mounted at ${paths}`,
    bytesMoved: result.bytesSent,
    warnings: result.warnings,
  }
}

async function deliverThere(
  store: Store,
  { request: { access }, stored, base, undos }: Prepared,
  options: SwitchOptions,
): Promise<SwitchedElsewhere> {
  const mounts: string[] = []
  const warnings: string[] = []
  let bytesMoved = 0
  for (const model of stored) {
    const { directory: target, path, target: declared } = model
    options.onStep?.(`delivering to ${target}`)
    const deliver = declared?.follow === true ? mountFollowing : mount
    const delivery = { ref: model.stored, target, ...(declared?.follow !== true && { replace: true }) }
    const result = await deliver(store, delivery, options)
    undos.push(undoOfDirectory(store, { model, access }))
    await requireSame(store, { operand: target, path: '', digest: model.digest, access }, options)
    const at = result.mountAt === 'path' ? path : path.slice(0, path.lastIndexOf('/')) || '/'
    mounts.push(`-v ${target}:${at}:ro`)
    warnings.push(...result.warnings)
    bytesMoved += result.bytesCopied
  }
  return { deploy: `deploy ${base} with ${mounts.join(' ')}`, bytesMoved, warnings }
}

/** A directory that was not there goes; in another one the former version returns. */
function undoOfDirectory(
  store: Store,
  { model, access }: { readonly model: Stored; readonly access: SwitchRequest['access'] },
): Undo {
  const { directory, isTargetAbsent, inTarget, target, stored } = model
  const ref = `${stored.replace(/[:@][^/]*$/, '')}@${inTarget}`
  return async () => {
    if (inTarget === undefined || isTargetAbsent) {
      await unmount(directory)
      return `${directory} empty again`
    }
    if (target?.follow === true) await rollback(store, directory, { access })
    else await mount(store, { ref, target: directory, replace: true })
    return `${directory} as before`
  }
}

function undoOfImage(
  store: Store,
  { image, access, wasThere }: Tagged & { readonly wasThere: boolean },
): Undo {
  return async () => {
    if (wasThere) {
      await rollback(store, image, { access })
      return `${image} as before`
    }
    try {
      await removeTag(store, { image, access })
      return `${image} removed`
    } catch (error) {
      if (!isBallastError(error, 'REMOTE') && !isBallastError(error, 'UNAUTHORIZED')) throw error
      return `${image} stays, because its registry does not let it be deleted: deploy it nowhere`
    }
  }
}

async function requireSame(
  store: Store,
  {
    operand,
    path,
    digest,
    access,
  }: {
    readonly operand: string
    readonly path: string
    readonly digest: DeployedModel['digest']
    readonly access: SwitchRequest['access']
  },
  options: CallOptions,
): Promise<void> {
  const results = await check(store, operand, { ...options, access, engine: engineOf(access) })
  const own = results.filter((result) => path === '' || result.operand.endsWith(`:${path}`))
  const faults = own.flatMap((result) => result.faults)
  if (faults.length === 0 && own.length > 0 && own.every((result) => result.digest === digest)) return
  const what = faults.join('; ') || `${own[0]?.version ?? 'no model'}, and not what was there before`
  throw new BallastError('REFUSED', `${operand} does not hold the same: ${what}`)
}

interface Tagged {
  readonly image: string
  readonly access: SwitchRequest['access']
}

async function isThere(store: Store, { image, access }: Tagged, options: CallOptions): Promise<boolean> {
  try {
    const { repository, reference } = await openImage(image, access, { direct: true, store })
    await readImage(repository, { reference }, options)
    return true
  } catch (error) {
    if (isBallastError(error, 'NOT_FOUND')) return false
    throw error
  }
}

async function removeTag(store: Store, { image, access }: Tagged): Promise<void> {
  const { repository, reference } = await openImage(image, access, { direct: true, store })
  await repository.deleteTag?.(reference)
}

async function undone(error: unknown, undos: readonly Undo[]): Promise<unknown> {
  const told: string[] = []
  const left: string[] = []
  for (const undo of undos.toReversed()) {
    await undo().then(
      (what) => told.push(what),
      (failure: unknown) => left.push(failure instanceof Error ? failure.message : String(failure)),
    )
  }
  if (!isBallastError(error)) return error
  const state =
    left.length > 0
      ? `not all could be undone (${left.join('; ')})`
      : `undone: ${told.join(', ') || 'nothing was written'}`
  return new BallastError(error.code, `${error.message}; ${state}`, { cause: error, hint: error.hint })
}
