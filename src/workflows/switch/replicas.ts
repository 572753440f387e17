import { BallastError, type CallOptions } from '../../core/index.ts'
import {
  allContainers,
  type ContainerRecord,
  type EngineImage,
  findContainer,
  imageFacts,
  inspectImage,
  type ListedContainer,
} from '../../docker/index.ts'
import { type App, objectOf, splitReference } from '../../model/index.ts'
import { layersOf, readLabel } from '../../oci/index.ts'
import type { Store } from '../../store/index.ts'
import { withTag } from '../run-request.ts'
import { readMark } from './marks.ts'
import type { EngineWork } from './request.ts'
import { lookAtModel, type ServedModel } from './served-model.ts'

/** A running container of the application. */
export interface Replica {
  readonly container: ContainerRecord
  readonly image: EngineImage
  /** `NAME:TAG`, by which its image can be asked for. */
  readonly imageName: string
  readonly models: readonly ServedModel[]
  /** Why it cannot be made anew, and what to do; undefined where it can. */
  readonly obstacle: { readonly why: string; readonly hint: string } | undefined
}

/** Of its image, of one that models were embedded into, made by a switch of it, or a service of its Compose file; by name. */
export async function findReplicas(
  store: Store,
  { engine, request, app }: EngineWork,
  options: CallOptions,
): Promise<readonly Replica[]> {
  const all = await allContainers(engine, options)
  const own = await ownImage(engine, app, options)
  const running: ContainerRecord[] = []
  for (const { id } of all.filter(({ isRunning }) => isRunning)) {
    const found = await findContainer(engine, id, options)
    if (found !== undefined) running.push(found)
  }
  const replicas: Replica[] = []
  for (const container of running) {
    const image = await inspectImage(engine, container.imageId, options)
    if (image === undefined || !isOf(container, { app, image, own, directory: request.directory })) continue
    const facts = (await imageFacts(engine, container.imageId, options)) ?? { steps: [] }
    const models: ServedModel[] = []
    for (const model of app.models)
      models.push(await lookAtModel(store, { engine, container, facts, model }, options))
    replicas.push({
      container,
      image,
      imageName: nameOf(container, image),
      models,
      obstacle: obstacleOf(container, guestOf(container, { all, running })),
    })
  }
  return replicas.toSorted((a, b) => (a.container.name < b.container.name ? -1 : 1))
}

export async function ownImage(
  engine: EngineWork['engine'],
  app: App,
  options: CallOptions,
): Promise<EngineImage | undefined> {
  return app.image === undefined ? undefined : inspectImage(engine, withTag(app.image), options)
}

interface Belonging {
  readonly app: App
  readonly image: EngineImage
  readonly own: EngineImage | undefined
  readonly directory: string
}

function isOf(
  { image: named, imageId, labels }: ContainerRecord,
  { app, image, own, directory }: Belonging,
): boolean {
  const isService =
    labels['com.docker.compose.project.working_dir'] === directory &&
    labels['com.docker.compose.service'] === app.name
  const isSwitched = readMark(labels)?.app === app.name
  // Another directory may have an application of the same name.
  const isOfRepository =
    app.image !== undefined && splitReference(named).name === splitReference(app.image).name
  const isNamed = app.image !== undefined && withTag(named) === withTag(app.image)
  const isSame = own !== undefined && (imageId === own.id || sameLayers(baseOf(image), baseOf(own)))
  return isService || isNamed || isSame || (isSwitched && isOfRepository)
}

/** Without the layers that Ballast put in. */
export function baseOf({ layers, labels }: EngineImage): readonly string[] {
  const diffIds = layers as Parameters<typeof layersOf>[0]['diffIds']
  const own = layersOf({ diffIds }, readLabel({ config: { Labels: labels } }))
  return layers.filter((_, at) => !own.has(at))
}

export function sameLayers(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((layer, at) => layer === b[at])
}

function nameOf({ name, image: named }: ContainerRecord, { id, names }: EngineImage): string {
  const wanted = withTag(named)
  const found = names.includes(wanted) ? wanted : names[0]
  if (found !== undefined) return found
  throw new BallastError('REFUSED', `the image of the container ${name} has no name any more (${id})`, {
    hint: `give it one, so that another image can be made from it: docker tag ${id.replace(/^sha256:/, '').slice(0, 12)} NAME:TAG`,
  })
}

/** Of whoever keeps containers as they are described elsewhere. */
const KEEPERS = [
  [
    'com.docker.swarm.service.name',
    'docker service update --image IMAGE (or --mount-add) changes the service',
  ],
  ['io.kubernetes.pod.name', "change the pod's image or volume where it is described"],
] as const

/** Another container that cannot do without this very one. */
interface Guest {
  readonly name: string
  readonly uses: 'network' | 'processes' | 'memory' | 'address'
}

function guestOf(
  { id, name: own }: ContainerRecord,
  {
    all,
    running,
  }: { readonly all: readonly ListedContainer[]; readonly running: readonly ContainerRecord[] },
): Guest | undefined {
  const mode = `container:${id}`
  const inNetwork = all.find(({ networkMode }) => networkMode === mode)
  if (inNetwork !== undefined) return { name: inNetwork.name, uses: 'network' }
  for (const { name, json } of running) {
    const { PidMode, IpcMode, Links } = objectOf(json.HostConfig)
    if (PidMode === mode) return { name, uses: 'processes' }
    if (IpcMode === mode) return { name, uses: 'memory' }
    // `--link` is to this very container: another one of its name is not found by it.
    if (Array.isArray(Links) && Links.some((link) => `${link}`.startsWith(`/${own}:`)))
      return { name, uses: 'address' }
  }
  return undefined
}

function obstacleOf({ name, json, labels }: ContainerRecord, guest: Guest | undefined): Replica['obstacle'] {
  const keeper = KEEPERS.find(([label]) => labels[label] !== undefined)
  if (keeper !== undefined) {
    const [label, hint] = keeper
    return {
      why: `the container ${name} belongs to ${labels[label]} (${label}), which would make it again as it was`,
      hint,
    }
  }
  if (objectOf(json.HostConfig).AutoRemove === true) {
    return {
      why: `the container ${name} was started with --rm, so the Engine removes it when it stops, and nothing could be restored`,
      hint: 'start it without --rm, then switch',
    }
  }
  if (objectOf(json.State).Paused === true) {
    return {
      why: `the container ${name} is paused, and one that is made anew would run`,
      hint: `docker unpause ${name}, then switch`,
    }
  }
  if (guest === undefined) return undefined
  return {
    why: `the container ${guest.name} uses the ${guest.uses} of ${name}, and would lose it`,
    hint: `stop ${guest.name} first, and make it anew afterwards`,
  }
}
