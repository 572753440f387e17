import { type CallOptions, type Digest, isBallastError, parseDigest } from '../core/index.ts'
import type { Engine } from './engine.ts'

/** What an image says of itself: what whoever wrote its Dockerfile has stated. */
export interface ImageFacts {
  readonly id: Digest
  /** `NAME:TAG`, as the Engine writes them. */
  readonly names: readonly string[]
  readonly workdir: string
  /** As `VOLUME` declares them. */
  readonly volumes: readonly string[]
  /** What made its layers, the base's first; lines of the Dockerfile as far as the history has them. */
  readonly steps: readonly string[]
}

interface ImageAnswer {
  readonly Id: string
  readonly RepoTags?: readonly string[] | null
  readonly Config?: {
    readonly WorkingDir?: string
    readonly Volumes?: Readonly<Record<string, unknown>> | null
  } | null
}

/** By name or id; undefined where there is none. */
export async function imageFacts(
  engine: Engine,
  name: string,
  { signal }: CallOptions = {},
): Promise<ImageFacts | undefined> {
  try {
    const { Id, RepoTags, Config } = await engine.call<ImageAnswer>({ path: `/images/${name}/json`, signal })
    const history = await engine.call<readonly { readonly CreatedBy?: string }[] | null>({
      path: `/images/${name}/history`,
      signal,
    })
    return {
      // Podman leaves the algorithm out.
      id: parseDigest(Id.includes(':') ? Id : `sha256:${Id}`),
      names: RepoTags ?? [],
      workdir: Config?.WorkingDir || '/',
      volumes: Object.keys(Config?.Volumes ?? {}),
      steps: (history ?? []).map(({ CreatedBy = '' }) => stepOf(CreatedBy)).reverse(),
    }
  } catch (error) {
    if (isBallastError(error, 'NOT_FOUND')) return undefined
    throw error
  }
}

/** BuildKit writes `COPY a /b # buildkit`, the builder before it `/bin/sh -c #(nop) COPY dir:<hash> in /b `. */
export function stepOf(createdBy: string): string {
  return createdBy
    .replace(/^\/bin\/sh -c #\(nop\)\s+/, '')
    .replace(/^(?:RUN )?\/bin\/sh -c /, 'RUN ')
    .replace(/\s+# buildkit\s*$/, '')
    .replace(/^(COPY|ADD)(.*?) \S+:[0-9a-f]{32,} in /, '$1$2 … ')
    .trim()
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
