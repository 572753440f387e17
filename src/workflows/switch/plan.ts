import { BallastError, type Digest } from '../../core/index.ts'
import type { Strategy } from '../../model/index.ts'
import type { Replica } from './replicas.ts'
import type { Way } from './request.ts'
import type { ServedModel } from './served-model.ts'

/** What a switch would do, as data. Bytes are those of models that move in a step: 0 where they are there. */
export interface SwitchPlan {
  readonly app: string
  readonly to: Way
  readonly runs: readonly RunsNow[]
  readonly steps: readonly SwitchStep[]
  readonly notes: readonly string[]
}

/** What runs, or is deployed, now. */
export interface RunsNow {
  /** A container, an image or a directory. */
  readonly name: string
  readonly image: string
  /** Whether it has its models in the wanted way. */
  readonly isAlready: boolean
  readonly models: readonly {
    readonly path: string
    readonly how: ServedModel['how']
    readonly source: string
    readonly version: string | undefined
    readonly digest: Digest | undefined
  }[]
}

export type SwitchStep =
  | { readonly do: 'capture'; readonly from: string; readonly as: string; readonly bytes: number }
  | {
      readonly do: 'leave out'
      readonly from: string
      readonly paths: readonly string[]
      readonly result: string
      readonly bytes: 0
    }
  | {
      readonly do: 'embed'
      readonly models: readonly string[]
      readonly base: string
      readonly result: string
      readonly bytes: number
    }
  | {
      readonly do: 'deliver'
      readonly model: string
      readonly to: string
      readonly path: string
      readonly bytes: number
    }
  | {
      readonly do: 'replace'
      readonly container: string
      readonly image: string
      /** Paths at which a model is mounted then, and at which nothing is any more. */
      readonly mounts: readonly string[]
      readonly unmounts: readonly string[]
      readonly bytes: 0
    }
  | {
      readonly do: 'record'
      readonly file: string
      readonly environment: string
      readonly from: Strategy
      readonly to: Way
      readonly bytes: 0
    }

/** What of the wanted form of a replica is there already. */
export interface FormFacts {
  /** The image without the models; `isThere` where nothing has to be left out or that has been done. */
  readonly base: { readonly name: string; readonly isThere: boolean }
  /** Its name is not known before there is a base. */
  readonly embedded: { readonly name: string; readonly isThere: boolean }
  /** A directory of this host, or `volume:NAME`, by path. */
  readonly places: ReadonlyMap<string, { readonly to: string; readonly bytes: number }>
}

export interface EnginePlanFacts {
  readonly app: string
  readonly to: Way
  readonly replicas: readonly (Replica & { readonly form: FormFacts })[]
  readonly record: Extract<SwitchStep, { readonly do: 'record' }> | undefined
}

/** Throws REFUSED for what cannot be switched, NOT_FOUND where a container has no model. */
export function planOnEngine({ app, to, replicas, record }: EnginePlanFacts): SwitchPlan {
  const moved = toBeMoved(replicas, to)
  for (const replica of moved) refuse(replica, to)
  const left = replicas.filter((replica) => !moved.includes(replica) && !isAlready(replica, to))
  const prepare = moved.flatMap((replica) => [
    ...capturesOf(app, replica),
    ...(to === 'embed' ? embedding(replica) : delivering(replica)),
  ])
  return {
    app,
    to,
    runs: replicas.map((replica) => runsNow(replica, to)),
    steps: [
      ...distinct(prepare),
      ...moved.map((replica) => replacing(replica, to)),
      ...(record === undefined ? [] : [record]),
    ],
    notes: [
      ...new Set(moved.flatMap((replica) => notesOn(replica, to))),
      ...left.map(
        ({ container: { name } }) => `${name} runs the image without a model, and is left as it is`,
      ),
    ],
  }
}

/** Those that have a model in another way; where some have one, not those that have none, as of somebody who looks around. */
export function toBeMoved<T extends Pick<Replica, 'models'>>(replicas: readonly T[], to: Way): readonly T[] {
  const isWithout = ({ models }: Pick<Replica, 'models'>): boolean =>
    models.every(({ how }) => how === 'absent')
  const served = replicas.filter((replica) => !isWithout(replica))
  return (served.length > 0 ? served : replicas).filter((replica) => !isAlready(replica, to))
}

export function isAlready({ models }: Pick<Replica, 'models'>, to: Way): boolean {
  return models.every(({ how }) =>
    to === 'embed' ? how === 'embedded' : how === 'directory' || how === 'volume' || how === 'plugin',
  )
}

function refuse({ container: { name }, models, obstacle }: Replica, to: Way): void {
  if (obstacle !== undefined) throw new BallastError('REFUSED', obstacle.why, { hint: obstacle.hint })
  for (const { path, how, ref, isShared, destinations } of models) {
    if (how === 'absent') {
      throw new BallastError('NOT_FOUND', `the container ${name} has no model at ${path}`, {
        hint: `what it runs with is nothing to switch from; to start one with ${ref}: ballast run`,
      })
    }
    if (isShared && to === 'embed') {
      throw new BallastError(
        'REFUSED',
        `${path} of ${name} is a part of what is mounted at ${destinations[0]}, which would hide an embedded model`,
        { hint: `mount what else is there at paths of its own, or name another path for the model` },
      )
    }
  }
}

/** What a version is called that has to be taken from a container; never a tag that leads to another one. */
export function capturedName(
  app: string,
  { ref, isRefFree }: Pick<ServedModel, 'ref' | 'isRefFree'>,
): string {
  const name = ref.replace(/[:@][^/]*$/, '')
  return isRefFree && !/@|:\d+$/.test(ref)
    ? ref
    : `${name}:from-${app.toLowerCase().replace(/[^a-z0-9]+/g, '-')}`
}

function capturesOf(app: string, { container: { name }, models }: Replica): readonly SwitchStep[] {
  return models
    .filter(({ stored }) => stored === undefined)
    .map((model) => ({
      do: 'capture',
      from: `container:${name}:${model.path}`,
      as: capturedName(app, model),
      bytes: model.bytes,
    }))
}

function embedding({ models, form, imageName }: EnginePlanFacts['replicas'][number]): readonly SwitchStep[] {
  const { base, embedded } = form
  const leave: SwitchStep = {
    do: 'leave out',
    from: imageName,
    paths: models.filter(({ inImage }) => inImage !== undefined).map(({ path }) => path),
    result: base.name,
    bytes: 0,
  }
  return [
    ...(base.isThere ? [] : [leave]),
    {
      do: 'embed',
      models: models.map(({ stored, ref, path }) => `${stored ?? ref}=${path}`),
      base: base.name,
      result: embedded.name,
      bytes: embedded.isThere ? 0 : sum(models),
    },
  ]
}

function delivering({ models, form, imageName }: EnginePlanFacts['replicas'][number]): readonly SwitchStep[] {
  const { base, places } = form
  const leave: SwitchStep = {
    do: 'leave out',
    from: imageName,
    paths: models.filter(({ inImage }) => inImage === 'embedded').map(({ path }) => path),
    result: base.name,
    bytes: 0,
  }
  return [
    ...(base.isThere ? [] : [leave]),
    ...models.map(({ stored, ref, path }): SwitchStep => {
      const { to = '', bytes = 0 } = places.get(path) ?? {}
      return { do: 'deliver', model: stored ?? ref, to, path, bytes }
    }),
  ]
}

function replacing({ container, models, form }: EnginePlanFacts['replicas'][number], to: Way): SwitchStep {
  const { base, embedded } = form
  return {
    do: 'replace',
    container: container.name,
    image: to === 'embed' ? embedded.name : base.name,
    mounts: to === 'embed' ? [] : models.map(({ path }) => path),
    unmounts: models.flatMap(unmountsOf),
    bytes: 0,
  }
}

/** A mount around PATH that brings more than the model stays. */
export function unmountsOf({ destinations, isShared }: ServedModel): readonly string[] {
  return isShared ? [] : destinations
}

function notesOn(
  { container, models, form }: EnginePlanFacts['replicas'][number],
  to: Way,
): readonly string[] {
  const copies = models.filter(({ inImage }) => inImage === 'copied')
  // Trees that containers share go by themselves.
  const isShared = ({ path, source }: ServedModel): boolean =>
    source.startsWith(`${form.places.get(path)?.to}/`)
  const kept = models.filter(
    (model) => (model.how === 'directory' || model.how === 'volume') && !isShared(model),
  )
  const chosen = container.ports.filter(({ port }) => isChosen(container, port))
  return [
    ...copies.map(({ path, lines }) =>
      to === 'mount'
        ? `the image keeps its copy at ${path}, under the mount, until its Dockerfile is changed: ${lines.join('; ')}`
        : `the copy at ${path} is left out of the image that is made; the next build brings it back until the Dockerfile is changed: ${lines.join('; ')}`,
    ),
    ...kept.map(({ how, source }) => `${how === 'volume' ? `the volume ${source}` : source} stays as it is`),
    ...chosen.map(
      ({ hostPort }) =>
        `${container.name} keeps the port ${hostPort}, which the Engine chose; when the switch is undone it chooses anew`,
    ),
  ]
}

function isChosen({ json }: Replica['container'], port: string): boolean {
  const { PortBindings, PublishAllPorts } = (json.HostConfig ?? {}) as {
    readonly PortBindings?: Readonly<Record<string, readonly { readonly HostPort?: string }[] | null>> | null
    readonly PublishAllPorts?: boolean
  }
  const stated = PortBindings?.[port] ?? []
  return (
    stated.some(({ HostPort = '' }) => !/^[1-9]\d*$/.test(HostPort)) ||
    (PublishAllPorts === true && stated.length === 0)
  )
}

function runsNow(replica: Replica, to: Way): RunsNow {
  const { container, models } = replica
  return {
    name: container.name,
    image: container.image,
    isAlready: isAlready(replica, to),
    models: models.map(({ path, how, source, version, digest }) => ({ path, how, source, version, digest })),
  }
}

function sum(models: readonly ServedModel[]): number {
  return models.reduce((total, { bytes }) => total + bytes, 0)
}

/** Replicas of one image need one image. */
function distinct(steps: readonly SwitchStep[]): readonly SwitchStep[] {
  const seen = new Set<string>()
  return steps.filter((step) => {
    const what = step.do === 'capture' ? `capture ${step.as}` : JSON.stringify(step)
    return !seen.has(what) && seen.add(what)
  })
}
