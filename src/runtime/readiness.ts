import { rename, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import type { Kept } from './keep-loaded.ts'
import type { ModelVersion } from './marker.ts'
import type { ResolvedModel } from './resolve.ts'

/** A version as `readiness` tells of it; of files that Ballast did not deliver only the directory is known. */
export type ServedVersion = ModelVersion | { readonly directory: string }

/**
 * What an application says of itself. It serves a version when that is here, at the top or among the variants, by its
 * digest; it has failed to when that is among `refused`.
 */
export type Readiness = ServedVersion & {
  /** Something has been loaded and is in use. */
  readonly ready: true
  /** With their names; only where the model is split. */
  readonly variants?: readonly (ServedVersion & { readonly name: string })[]
  /** What was found since and could not be loaded. */
  readonly refused?: readonly ServedVersion[]
  /** Why what was found is not in use. */
  readonly problem?: string
}

export interface ReadinessOptions {
  /**
   * A file that says at every time what `readiness()` says, for who cannot ask by HTTP; removed by `close`. Its directory has
   * to exist, and should go with the container (`/tmp`, `/run`). Each process needs a file of its own.
   */
  readonly readinessFile?: string | undefined
}

interface State {
  readonly serving: readonly { readonly name: string; readonly model: ResolvedModel }[]
  readonly refused: readonly ResolvedModel[]
  readonly problem: unknown
}

/** Says what is in use, and keeps the file that says so. `close` closes what is kept, too. */
export function keepReadiness<Found, Loaded>(
  kept: Kept<Found, Loaded>,
  options: ReadinessOptions & {
    readonly onError?: ((error: unknown) => void) | undefined
    readonly signal?: AbortSignal | undefined
  },
  state: () => State,
): { readonly readiness: () => Readiness; readonly close: () => void } {
  const { readinessFile, onError, signal } = options
  const readiness = (): Readiness => describe(state())
  if (readinessFile === undefined) return { readiness, close: () => kept.close() }
  let closed = false
  let turn: Promise<void> = Promise.resolve()
  const update = (): void => {
    turn = turn
      .then(() => (closed ? rm(readinessFile, { force: true }) : writeReadiness(readinessFile, readiness())))
      .catch((error: unknown) => onError?.(error))
  }
  const close = (): void => {
    closed = true
    signal?.removeEventListener('abort', close)
    kept.close()
    update()
  }
  kept.listen(update)
  signal?.addEventListener('abort', close, { once: true })
  update()
  return { readiness, close }
}

function describe({ serving, refused, problem }: State): Readiness {
  const usual = serving.find(({ name }) => name === 'stable') ?? serving[0]
  return {
    ready: true,
    ...describeModel(usual?.model),
    ...(serving.length > 1 && {
      variants: serving.map(({ name, model }) => ({ name, ...describeModel(model) })),
    }),
    ...(refused.length > 0 && { refused: refused.map(describeModel) }),
    ...(problem !== undefined && { problem: problem instanceof Error ? problem.message : String(problem) }),
  }
}

function describeModel(model: ResolvedModel | undefined): ServedVersion {
  return model?.version ?? { directory: model?.directory ?? '' }
}

/** Whole at every time for who reads it; that it survives a power failure is not wanted. */
async function writeReadiness(path: string, readiness: Readiness): Promise<void> {
  const { pid } = process
  const said = { ...readiness, pid, host: hostname(), time: new Date().toISOString() }
  const temporary = `${path}.${pid}.tmp`
  await writeFile(temporary, `${JSON.stringify(said)}\n`)
  await rename(temporary, path)
}
