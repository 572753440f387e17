import type { Digest } from '../core/index.ts'
import type { Engine, EngineChoice, ImageFacts, RunArguments } from '../docker/index.ts'
import { type EvaluationRun, splitReference } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import type { ImageAccess } from './image-places.ts'
import type { ResolvedVersion } from './resolve.ts'

export interface RunRequest {
  /** `REF` or `REF=PATH`; without any, what `ballast.yaml` says of the image. */
  readonly models: readonly string[]
  readonly strategy: 'embed' | 'mount' | 'auto'
  /** Of `docker run`. */
  readonly args: readonly string[]
  /** Of an evaluation: the file that it writes its metrics to, a path in the container. */
  readonly metrics?: string | undefined
  /** The image among them, where an option in front of it is not known. */
  readonly image?: string | undefined
  /** Where `ballast.yaml` is looked for. */
  readonly directory: string
  /** Of this user, for trees that the store has no place for. */
  readonly cacheDirectory: string
  readonly access: ImageAccess
}

export interface PreparedRun {
  /** Of `docker`, `run` in front. */
  readonly args: readonly string[]
  readonly strategy: 'embed' | 'mount'
  /** Why that one, where it was left open. */
  readonly because: string | undefined
  /** The image that runs: the user's, or the one with the models in it. */
  readonly image: string
  readonly models: readonly RunModel[]
  readonly evaluation: Evaluation | undefined
  readonly warnings: readonly string[]
}

export interface RunModel {
  readonly model: string
  /** `sentiment:3` */
  readonly version: string
  readonly reference: string
  readonly digest: Digest
  readonly path: string
}

/** What is to be known, once the container has ended, about where its metrics are. */
export interface Evaluation {
  /** The label that only this container has. */
  readonly label: string
  /** An absolute path in the container. */
  readonly file: string
  /** Whether the container is to go, as with `--rm`. */
  readonly removes: boolean
  readonly run: Omit<EvaluationRun, 'imageId'> & { readonly imageId: string | undefined }
}

/** A version, and the model's directory in the container. */
export interface PlacedModel {
  readonly resolved: ResolvedVersion
  readonly path: string
  /** Its directory below `/models` in an image, where other models there would be called the same. */
  readonly name?: string | undefined
}

/** What both strategies go by. */
export interface RunWork {
  readonly store: Store
  readonly engine: Engine
  readonly request: RunRequest
  readonly parsed: RunArguments
  /** Undefined for an image that the Engine has yet to pull. */
  readonly facts: ImageFacts | undefined
  readonly models: readonly PlacedModel[]
}

export type Prepared = Pick<PreparedRun, 'args' | 'image' | 'warnings'>

export function isAtOrBelow(path: string, above: string): boolean {
  return `${path}/`.startsWith(`${above === '/' ? '' : above}/`)
}

/** As the Engine takes a name without a tag. */
export function withTag(image: string): string {
  const { tag, digest } = splitReference(image)
  return tag === undefined && digest === undefined ? `${image}:latest` : image
}

export function engineOf({ engine, dockerConfig }: ImageAccess): EngineChoice {
  return engine ?? { dockerConfig }
}
