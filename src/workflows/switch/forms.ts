import { type CallOptions, digestOf, hexOf, shortDigest } from '../../core/index.ts'
import { imageFacts, inspectImage } from '../../docker/index.ts'
import { lastPart, objectOf, parseReference, splitReference } from '../../model/index.ts'
import { whyNotLinked } from '../../mount/index.ts'
import type { Store } from '../../store/index.ts'
import { nameOfEmbedded } from '../embed-once.ts'
import { hasPathsOfThisHost } from '../engine-access.ts'
import { resolveVersion } from '../resolve.ts'
import { withTag } from '../run-request.ts'
import { treeDirectories } from '../run-trees.ts'
import type { FormFacts } from './plan.ts'
import { baseOf, ownImage, type Replica, sameLayers } from './replicas.ts'
import type { EngineWork } from './request.ts'
import type { ServedModel } from './served-model.ts'

/** What a replica would run from: which of that is there. Nothing is made. */
export async function formOf(
  store: Store,
  work: EngineWork,
  replica: Replica,
  options: CallOptions,
): Promise<FormFacts> {
  const base = await baseFor(work, replica, options)
  return {
    base,
    embedded: await embeddedFor(store, work, { replica, base }, options),
    places: await placesFor(store, work, replica),
  }
}

/** A mount hides a copy in the image; an embedded model goes, and so does a copy for an image that has it embedded. */
export function pathsToLeaveOut(
  { models }: Pick<Replica, 'models'>,
  to: EngineWork['request']['to'],
): readonly string[] {
  return models
    .filter(({ inImage }) => inImage === 'embedded' || (to === 'embed' && inImage === 'copied'))
    .map(({ path }) => path)
}

async function baseFor(
  { engine, app, request }: EngineWork,
  { image, imageName, models }: Replica,
  options: CallOptions,
): Promise<FormFacts['base']> {
  const paths = pathsToLeaveOut({ models }, request.to)
  if (paths.length === 0) return { name: imageName, isThere: true }
  const own = await ownImage(engine, app, options)
  const isCopied = models.some(({ inImage }) => inImage === 'copied') && request.to === 'embed'
  if (app.image !== undefined && own !== undefined && !isCopied && sameLayers(own.layers, baseOf(image)))
    return { name: withTag(app.image), isThere: true }
  const key = hexOf(digestOf(JSON.stringify([image.id, paths]))).slice(0, 12)
  const name = `${splitReference(imageName).name}:ballast-base-${key}`
  return { name, isThere: (await inspectImage(engine, name, options)) !== undefined }
}

async function embeddedFor(
  store: Store,
  { engine }: EngineWork,
  { replica, base }: { readonly replica: Replica; readonly base: FormFacts['base'] },
  options: CallOptions,
): Promise<FormFacts['embedded']> {
  const unknown = { name: `${splitReference(replica.imageName).name}:ballast-…`, isThere: false }
  const facts = base.isThere ? await imageFacts(engine, base.name, options) : undefined
  if (facts === undefined) return unknown
  const models: { resolved: Awaited<ReturnType<typeof resolveVersion>>; path: string }[] = []
  for (const { stored, path } of replica.models) {
    if (stored === undefined) return unknown
    models.push({ resolved: await resolveVersion(store, stored), path })
  }
  const name = nameOfEmbedded(base.name, { facts, models })
  return { name, isThere: (await inspectImage(engine, name, options)) !== undefined }
}

async function placesFor(
  store: Store,
  { engine, request, app }: EngineWork,
  { container, models }: Replica,
): Promise<FormFacts['places']> {
  const places = new Map<string, { readonly to: string; readonly bytes: number }>()
  const isNear = await hasPathsOfThisHost(engine)
  const { hasSelinux } = await engine.info()
  const [root = ''] = treeDirectories(store, {
    engineUrl: engine.endpoint.url,
    cacheDirectory: request.cacheDirectory,
  })
  for (const model of models) {
    const { stored, bytes, path } = model
    const links =
      isNear &&
      !hasSelinux &&
      !canRemount(container) &&
      (stored === undefined ||
        (await whyNotLinked(store, (await resolveVersion(store, stored)).version)) === undefined)
    const to = isNear ? root : `volume:${volumeFor(app.name, model)}`
    places.set(path, { to, bytes: links ? 0 : bytes })
  }
  return places
}

/** A container with this could make its read-only mount writable, and then reach the store's bytes. */
export function canRemount({ json }: Replica['container']): boolean {
  const { Privileged, CapAdd } = objectOf(json.HostConfig)
  const added = Array.isArray(CapAdd) ? CapAdd.map(String) : []
  return (
    Privileged === true ||
    added.some((name) => /^(?:all|(?:cap_)?(?:sys_admin|dac_read_search|mknod))$/i.test(name))
  )
}

/** One for each version, so that nothing that another container has is written over. */
export function volumeFor(app: string, { ref, digest }: Pick<ServedModel, 'ref' | 'digest'>): string {
  const name = lastPart(parseReference(ref).name)
  return `${app}-${name}-${digest === undefined ? 'new' : shortDigest(digest)}`.replace(/[^\w.-]+/g, '-')
}
