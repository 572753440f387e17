import {
  BallastError,
  type CallOptions,
  type Digest,
  isBallastError,
  parseDigest,
  shortDigest,
  throwIfAborted,
} from '../core/index.ts'
import type { Engine } from './engine.ts'

/** What an Engine tells about an image without reading it. */
export interface EngineImage {
  /** Of a graph driver and of Podman the digest of the config; of the containerd store that of the manifest or index. */
  readonly id: Digest
  /** `NAME:TAG`, as the Engine writes them. */
  readonly names: readonly string[]
  /** DiffIDs, base first. */
  readonly layers: readonly Digest[]
  /** Unpacked, all layers. */
  readonly bytes: number
  readonly labels: Readonly<Record<string, string>>
  readonly workdir: string
  /** As `VOLUME` declares them. */
  readonly volumes: readonly string[]
}

interface ImageAnswer {
  readonly Id: string
  readonly RepoTags?: readonly string[] | null
  readonly Size?: number
  readonly RootFS?: { readonly Layers?: readonly string[] | null }
  readonly Config?: {
    readonly Labels?: Readonly<Record<string, string>> | null
    readonly WorkingDir?: string
    readonly Volumes?: Readonly<Record<string, unknown>> | null
  } | null
}

/** By name or id; undefined where there is none. */
export async function inspectImage(
  engine: Engine,
  name: string,
  { signal }: CallOptions = {},
): Promise<EngineImage | undefined> {
  try {
    const answer = await engine.call<ImageAnswer>({ path: `/images/${name}/json`, signal })
    const { Id, RepoTags, Size = 0, RootFS, Config } = answer
    return {
      id: idFrom(Id),
      names: RepoTags ?? [],
      layers: (RootFS?.Layers ?? []).map(parseDigest),
      bytes: Size,
      labels: Config?.Labels ?? {},
      workdir: Config?.WorkingDir || '/',
      volumes: Object.keys(Config?.Volumes ?? {}),
    }
  } catch (error) {
    if (isBallastError(error, 'NOT_FOUND')) return undefined
    throw error
  }
}

export interface ListedImage {
  readonly id: Digest
  /** `NAME:TAG`, as the Engine writes them. */
  readonly tags: readonly string[]
}

/** All but those that only a build's cache keeps, whose layers others hold as well. */
export async function listImages(
  engine: Engine,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<readonly ListedImage[]> {
  const answer = await engine.call<readonly { Id: string; RepoTags?: readonly string[] | null }[]>({
    path: '/images/json',
    signal,
  })
  return answer.map(({ Id, RepoTags }) => ({ id: idFrom(Id), tags: RepoTags ?? [] }))
}

/** Podman leaves the algorithm out. */
function idFrom(text: string): Digest {
  return parseDigest(text.includes(':') ? text : `sha256:${text}`)
}

export interface NameAndTag {
  readonly name: string
  readonly tag: string
}

/** One more name for an image, taken from whichever had it. */
export async function tagImage(
  engine: Engine,
  id: string,
  { name, tag, signal }: NameAndTag & { readonly signal?: AbortSignal | undefined },
): Promise<void> {
  // Podman answers with a body that is no JSON.
  await engine.headers({ method: 'POST', path: `/images/${id}/tag`, query: { repo: name, tag }, signal })
}

/** Takes a name away, and with its last one the image. Throws NOT_FOUND; CONFLICT where a container needs the image. */
export async function untagImage(
  engine: Engine,
  { name, tag, signal }: NameAndTag & { readonly signal?: AbortSignal | undefined },
): Promise<void> {
  await engine.headers({ method: 'DELETE', path: `/images/${name}:${tag}`, signal })
}

/** An archive as `docker save` writes it, with this image alone and without names. Throws REMOTE where it breaks off. */
export async function* saveImage(
  engine: Engine,
  id: Digest,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): AsyncIterable<Uint8Array> {
  const saved = await engine.stream({ path: `/images/${id}/get`, signal })
  const chunks = saved[Symbol.asyncIterator]()
  try {
    for (;;) {
      const next = await chunks.next().catch((error: unknown) => {
        throwIfAborted(signal)
        throw new BallastError('REMOTE', `the Engine broke off while it saved image ${shortDigest(id)}`, {
          cause: error,
          hint: 'see whether its disk is full: docker system df',
          retryable: true,
        })
      })
      if (next.done === true) return
      yield next.value
    }
  } finally {
    await chunks.return?.()
  }
}

/** Running containers of the image, not of others that were built on it. */
export async function runningContainers(
  engine: Engine,
  id: Digest,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<readonly { readonly id: string; readonly name: string }[]> {
  const running = await engine.call<readonly { Id: string; Names?: readonly string[]; ImageID: string }[]>({
    path: '/containers/json',
    signal,
  })
  return running
    .filter(({ ImageID }) => idFrom(ImageID) === id)
    .map(({ Id, Names }) => ({ id: Id, name: (Names?.[0] ?? '').replace(/^\//, '') }))
}
