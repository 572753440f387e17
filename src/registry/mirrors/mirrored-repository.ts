import { BallastError, type Content, type Digest, isBallastError, isDigest } from '../../core/index.ts'
import type { ImageRepository, OpenBlobOptions } from '../../oci/index.ts'
import type { RegistryRepository } from '../client/repository.ts'

export interface Mirror {
  readonly repository: RegistryRepository
  /** Whether what is asked for by a tag is looked for there. */
  readonly tags: boolean
}

interface Sources {
  /** Asked first, in this order. */
  readonly mirrors: readonly Mirror[]
  /** Asked last: what it says counts. */
  readonly home: RegistryRepository
}

/** Who failed is left out, or asked last, for so long, in milliseconds. */
const PAUSE_MS = 60_000

/**
 * `own`, whose manifests and blobs are read from its mirrors where these have them. What a mirror lacks, or fails at, comes from
 * the next, a blob from where it broke off, and one that is not what it should be from `home`. Lists (tags, what is attached)
 * come from `home`, since a mirror may know only what it was asked for, and from mirrors while that cannot be reached. Nothing
 * is ever written to any but `own`.
 */
export function mirroredRepository(own: RegistryRepository, { mirrors, home }: Sources): RegistryRepository {
  /** Of which mirrors have had other bytes. */
  const doubted = new Set<Digest>()
  /** Whether a mirror has had something. */
  let served = false
  const failures = new Map<ImageRepository, { readonly until: number; readonly error: BallastError }>()

  function ready(isAsked: (mirror: Mirror) => boolean): readonly RegistryRepository[] {
    return mirrors
      .filter((mirror) => isAsked(mirror) && !isPaused(mirror.repository))
      .map(({ repository }) => repository)
  }

  function isPaused(repository: ImageRepository): boolean {
    return (failures.get(repository)?.until ?? 0) > performance.now()
  }

  /** Notes what a repository failed at. Throws what is nobody's failure. */
  function failed(repository: ImageRepository, error: unknown): void {
    if (!isBallastError(error) || error.code === 'INTERRUPTED') throw error
    if (error.code !== 'NOT_FOUND') {
      failures.set(repository, { until: performance.now() + PAUSE_MS, error })
    }
  }

  /** An error of `home`, with what its mirrors failed at. */
  function explained(error: unknown): unknown {
    if (!isBallastError(error) || error.code === 'INTERRUPTED') return error
    const others = [...failures].flatMap(([repository, { error }]) =>
      repository === home ? [] : [`${repository.name}: ${error.message}`],
    )
    if (others.length === 0) return error
    const hint = [error.hint, `its mirrors failed before it: ${others.join('; ')}`].filter(Boolean).join('; ')
    const { code, message, cause, retryable } = error
    return new BallastError(code, message, { cause, hint, retryable })
  }

  async function ask<T>(
    isAsked: (mirror: Mirror) => boolean,
    call: (repository: RegistryRepository) => Promise<T>,
    isAnswer: (answer: T) => boolean,
  ): Promise<T> {
    let other: { readonly answer: T } | undefined
    for (const repository of ready(isAsked)) {
      try {
        const answer = await call(repository)
        if (isAnswer(answer)) {
          served = true
          return answer
        }
        other ??= { answer }
      } catch (error) {
        failed(repository, error)
      }
    }
    // Of what came from a mirror, not everything that is looked for has to be anywhere.
    const enough = served ? other : undefined
    if (enough !== undefined && isPaused(home)) return enough.answer
    try {
      return await call(home)
    } catch (error) {
      if (enough === undefined || !isBallastError(error, 'REMOTE')) throw explained(error)
      failed(home, error)
      return enough.answer
    }
  }

  async function list<T>(call: (repository: RegistryRepository) => Promise<T>): Promise<T> {
    const others = ready(({ tags }) => tags)
    let failure: unknown
    for (const repository of isPaused(home) ? [...others, home] : [home, ...others]) {
      try {
        return await call(repository)
      } catch (error) {
        failed(repository, error)
        if (repository === home) failure = error
      }
    }
    throw explained(failure)
  }

  function openBlob(
    blob: Parameters<ImageRepository['openBlob']>[0],
    options: OpenBlobOptions = {},
  ): Content {
    const { size } = blob
    return {
      size,
      ownChunks: true,
      async *open(range = { offset: 0, length: size }, signal) {
        const { offset, length } = range
        let done = 0
        const rest = () => ({ offset: offset + done, length: length - done })
        for (const repository of ready(() => !doubted.has(blob.digest))) {
          try {
            for await (const chunk of repository
              .openBlob(blob, { ...options, once: true })
              .open(rest(), signal)) {
              done += chunk.length
              yield chunk
            }
            return
          } catch (error) {
            failed(repository, error)
          }
        }
        try {
          yield* home.openBlob(blob, options).open(rest(), signal)
        } catch (error) {
          throw explained(error)
        }
      },
    }
  }

  const byReference =
    (reference: string) =>
    ({ tags }: Mirror) =>
      tags || isDigest(reference)
  const isThere = (answer: unknown): boolean => answer !== undefined
  return {
    ...own,
    getManifest: (reference, options) =>
      ask(byReference(reference), (one) => one.getManifest(reference, options), isThere),
    headManifest: (reference, options) =>
      ask(byReference(reference), (one) => one.headManifest(reference, options), isThere),
    hasBlob: (blob, options) =>
      ask(
        () => true,
        (one) => one.hasBlob(blob, options),
        (has) => has,
      ),
    openBlob,
    doubt({ digest }) {
      if (doubted.has(digest)) return false
      doubted.add(digest)
      return true
    },
    listTags: (options) => list((one) => one.listTags(options)),
    referrers: {
      ...own.referrers,
      list: (subject, options) => list((one) => one.referrers.list(subject, options)),
    },
  }
}
