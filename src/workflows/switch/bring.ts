import { BallastError, type CallOptions } from '../../core/index.ts'
import { imageFacts, inspectImage, type NewMount } from '../../docker/index.ts'
import { leaveOut } from '../../embed/index.ts'
import { lastPart } from '../../model/index.ts'
import type { ToldVersion } from '../../reload/index.ts'
import type { Store } from '../../store/index.ts'
import { capture } from '../capture.ts'
import { embedOnce } from '../embed-once.ts'
import { hasPathsOfThisHost } from '../engine-access.ts'
import { openImage } from '../image-places.ts'
import { mountVolume } from '../mount-volume.ts'
import { resolveVersion } from '../resolve.ts'
import { engineOf, type PlacedModel } from '../run-request.ts'
import { shareTree } from '../run-trees.ts'
import { canRemount, pathsToLeaveOut, volumeFor } from './forms.ts'
import { capturedName, type FormFacts, unmountsOf } from './plan.ts'
import type { Replica } from './replicas.ts'
import type { EngineWork, SwitchOptions } from './request.ts'
import { type ServedModel, storedAs } from './served-model.ts'

/** What a replica is made anew from. */
export interface Brought {
  readonly image: string
  readonly mounts: readonly NewMount[]
  readonly withoutMounts: readonly string[]
  /** What it has to serve then: what it serves now. */
  readonly serves: readonly (ToldVersion & { readonly path: string })[]
  /** Images that were not there. */
  readonly made: readonly string[]
  readonly bytesMoved: number
  readonly warnings: readonly string[]
}

export type ReplicaWithForm = Replica & { readonly form: FormFacts }

/** Brings image and models to where the new container finds them; nothing that runs is touched. */
export async function bring(
  store: Store,
  work: EngineWork,
  replica: ReplicaWithForm,
  options: SwitchOptions,
): Promise<Brought> {
  const captured = await captureMissing(store, work, replica, options)
  const base = await baseOfForm(store, work, replica, options)
  const models: PlacedModel[] = []
  for (const { stored, path } of captured.models)
    models.push({ resolved: await resolveVersion(store, stored), path })
  const serves = models.map(({ resolved, path }) => ({
    path,
    model: resolved.reference.name,
    digest: resolved.version.digest,
    number: resolved.number,
    name: lastPart(resolved.reference.name),
  }))
  const withoutMounts = replica.models.flatMap(unmountsOf)
  const known = { serves, withoutMounts, made: base.made }
  if (work.request.to === 'embed') {
    const { engine, request } = work
    const facts = await imageFacts(engine, base.name, options)
    if (facts === undefined)
      throw new BallastError('NOT_FOUND', `the Engine has no image ${base.name} any more`)
    options.onStep?.(`embedding into ${base.name}`)
    const { access } = request
    const { image, isNew, bytesSent, warnings } = await embedOnce(
      store,
      { engine, access, base: base.name, facts, models },
      options,
    )
    const made = [...base.made, ...(isNew ? [image] : [])]
    return { ...known, image, mounts: [], made, bytesMoved: captured.bytes + bytesSent, warnings }
  }
  const delivered = await deliver(store, work, { replica, models }, options)
  return {
    ...known,
    image: base.name,
    mounts: delivered.map(({ mount }) => mount),
    bytesMoved: delivered.reduce((sum, { bytes }) => sum + bytes, captured.bytes),
    warnings: delivered.flatMap(({ warnings }) => warnings),
  }
}

interface Stored extends ServedModel {
  readonly stored: string
}

async function captureMissing(
  store: Store,
  { app, request: { access } }: EngineWork,
  { container, models }: Replica,
  options: SwitchOptions,
): Promise<{ readonly models: readonly Stored[]; readonly bytes: number }> {
  const found: Stored[] = []
  let bytes = 0
  for (const model of models) {
    // Another replica may have had the same one.
    const already = model.stored ?? (await storedAs(store, model))
    if (already !== undefined) {
      found.push({ ...model, stored: already })
      continue
    }
    const operand = `container:${container.name}:${model.path}`
    const name = capturedName(app.name, model)
    options.onStep?.(`capturing ${operand} as ${name}`)
    const added = await capture(store, { operand, name }, { ...options, access, engine: engineOf(access) })
    if (model.digest !== undefined && added.digest !== model.digest) {
      throw new BallastError('DAMAGED', `${operand} is not ${model.version}, which it is said to be`, {
        hint: `compare the two: ballast diff ${added.ref} ${model.version}`,
      })
    }
    const stored = await storedAs(store, { ...model, digest: added.digest })
    if (stored === undefined)
      throw new BallastError('DAMAGED', `${added.ref} is not whole in the store`, {
        hint: `ballast check ${added.ref} says why`,
      })
    bytes += model.bytes
    found.push({ ...model, stored })
  }
  return { models: found, bytes }
}

async function baseOfForm(
  store: Store,
  { engine, request: { access, to } }: EngineWork,
  { form: { base }, imageName, models }: ReplicaWithForm,
  options: SwitchOptions,
): Promise<{ readonly name: string; readonly made: readonly string[] }> {
  if (base.isThere || (await inspectImage(engine, base.name, options)) !== undefined)
    return { name: base.name, made: [] }
  options.onStep?.(`making ${base.name}, which is ${imageName} without the model`)
  const from = await openImage(`image:${imageName}`, access, { store })
  const result = await openImage(`image:${base.name}`, access, { create: true, store })
  try {
    await leaveOut(store, { base: from, result, paths: pathsToLeaveOut({ models }, to) }, options)
    return { name: base.name, made: [base.name] }
  } finally {
    await result.repository.close?.()
    await from.repository.close?.()
  }
}

async function deliver(
  store: Store,
  { engine, request, app }: EngineWork,
  { replica, models }: { readonly replica: Replica; readonly models: readonly PlacedModel[] },
  options: SwitchOptions,
): Promise<
  readonly { readonly mount: NewMount; readonly bytes: number; readonly warnings: readonly string[] }[]
> {
  const isNear = await hasPathsOfThisHost(engine)
  const { hasSelinux } = await engine.info()
  const delivered: Awaited<ReturnType<typeof deliver>>[number][] = []
  for (const { resolved, path: destination } of models) {
    const { version, reference } = resolved
    const bytes = version.files.reduce((sum, { size }) => sum + size, 0)
    if (isNear) {
      const link = !hasSelinux && !canRemount(replica.container)
      const place = { engineUrl: engine.endpoint.url, cacheDirectory: request.cacheDirectory, link }
      const { path: source, isNew, warnings } = await shareTree(store, { resolved, place }, options)
      options.onStep?.(`the model for ${destination} is in ${source}`)
      const mount = { kind: 'bind', source, destination, relabel: hasSelinux } as const
      delivered.push({ mount, bytes: isNew && !link ? bytes : 0, warnings })
      continue
    }
    const ref = `${reference.name}@${version.digest}`
    const volume = volumeFor(app.name, { ref: reference.name, digest: version.digest })
    const call: CallOptions & { engine: ReturnType<typeof engineOf> } = {
      ...options,
      engine: engineOf(request.access),
    }
    const { bytesCopied, warnings } = await mountVolume(store, { ref, volume }, call)
    options.onStep?.(`the model for ${destination} is in the volume ${volume}`)
    delivered.push({ mount: { kind: 'volume', source: volume, destination }, bytes: bytesCopied, warnings })
  }
  return delivered
}
