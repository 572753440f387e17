import type { CallOptions } from '../core/index.ts'
import { historyLine } from '../oci/index.ts'
import type { Engine } from './engine.ts'
import { type EngineImage, inspectImage } from './images.ts'

/** What made a layer: a line of the Dockerfile as far as the history has it. */
export interface ImageStep {
  readonly step: string
  /** Unpacked; none for a step without a layer. */
  readonly bytes: number
  /** Milliseconds since 1970. */
  readonly created: number
}

/** What an image says of itself, and what whoever wrote its Dockerfile has stated. */
export interface ImageFacts extends EngineImage {
  /** The base's first. */
  readonly steps: readonly ImageStep[]
}

interface HistoryAnswer {
  readonly CreatedBy?: string
  readonly Size?: number
  readonly Created?: number
}

/** By name or id; undefined where there is none. */
export async function imageFacts(
  engine: Engine,
  name: string,
  { signal }: CallOptions = {},
): Promise<ImageFacts | undefined> {
  const image = await inspectImage(engine, name, { signal })
  if (image === undefined) return undefined
  const path = `/images/${name}/history`
  const history = await engine.call<readonly HistoryAnswer[] | null>({ path, signal })
  const steps = (history ?? []).map(({ CreatedBy = '', Size = 0, Created = 0 }) => ({
    step: historyLine(CreatedBy),
    bytes: Size,
    created: Created * 1000,
  }))
  return { ...image, steps: steps.reverse() }
}

/** The lines alone; none of an image that is not there. */
export function linesOf(facts: Pick<ImageFacts, 'steps'> | undefined): readonly string[] {
  return (facts?.steps ?? []).map(({ step }) => step)
}

/** A published port of a running container, by its container's name. */
export interface PublishedPort {
  readonly container: string
  readonly port: number
}

/** What containers of the Engine hold: directories of the host, stopped containers included, and ports. */
export async function heldByContainers(
  engine: Engine,
  { signal }: CallOptions = {},
): Promise<{ readonly sources: ReadonlySet<string>; readonly ports: readonly PublishedPort[] }> {
  const containers = await engine.call<
    readonly {
      readonly Names?: readonly string[]
      readonly Mounts?: readonly { readonly Source?: string }[] | null
      readonly Ports?: readonly { readonly PublicPort?: number }[] | null
    }[]
  >({ path: '/containers/json', query: { all: true }, signal })
  return {
    sources: new Set(containers.flatMap(({ Mounts }) => (Mounts ?? []).map(({ Source = '' }) => Source))),
    ports: containers.flatMap(({ Names, Ports }) =>
      (Ports ?? []).flatMap(({ PublicPort }) =>
        PublicPort === undefined
          ? []
          : [{ container: (Names?.[0] ?? '').replace(/^\//, ''), port: PublicPort }],
      ),
    ),
  }
}
