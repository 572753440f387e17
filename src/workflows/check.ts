import { resolve } from 'node:path'
import { BallastError, type Digest } from '../core/index.ts'
import type { EngineChoice } from '../docker/index.ts'
import { blobsOfFiles, nameOfFiles, parseOperand } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { type CheckOptions, type CheckResult, checkTarget } from './check-target.ts'
import type { ImageAccess } from './image-places.ts'
import { findVersion, mendingHint } from './resolve.ts'
import { resolvedName } from './version-name.ts'

/** To get at what is not on this host's disk. */
export interface CheckAccess {
  readonly access: ImageAccess
  readonly engine: EngineChoice
}

/**
 * Whether what an operand names is there and whole: a mounted directory, a version in the store, a volume, an image, or
 * what a container finds at its paths. A following target gives one result a link, a container one a model.
 */
export async function check(
  store: Store,
  operand: string,
  options: CheckOptions & Partial<CheckAccess> = {},
): Promise<readonly CheckResult[]> {
  const parsed = parseOperand(operand)
  if (parsed.kind === 'path') return checkTarget(store, { target: resolve(parsed.path), operand }, options)
  if (parsed.kind === 'name') return [await checkStored(store, operand, options)]
  const { access, engine } = options
  if (access === undefined || engine === undefined) return [await checkStored(store, operand, options)]
  const { checkElsewhere } = await import('./check-elsewhere.ts')
  return checkElsewhere(store, operand, { ...options, access, engine })
}

async function checkStored(store: Store, operand: string, options: CheckOptions): Promise<CheckResult> {
  const { reference, number, version } = await findVersion(store, operand)
  const faults: string[] = []
  const blobs = blobsOfFiles(version.files)
  for (const { digest, size } of options.full === true ? blobs : [])
    options.onProgress?.({ kind: 'plan', step: 'verify', item: digest, total: size })
  for (const blob of blobs) {
    const fault = await blobFault(store, blob, options)
    if (fault !== undefined) faults.push(`${nameOfFiles(blob.files)}: ${fault}`)
  }
  const mend = faults.length === 0 ? undefined : await mendingHint(store, reference)
  const name = resolvedName({ reference, number })
  return { operand, version: name, digest: version.digest, faults, extra: [], mend }
}

async function blobFault(
  store: Store,
  blob: { readonly digest: Digest; readonly size: number },
  options: CheckOptions,
): Promise<string | undefined> {
  if (options.full === true) {
    const found = await store.blobs.rehash(blob, options)
    return found === 'intact' ? undefined : found
  }
  return store.blobs.ensureIntact(blob).then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof BallastError) return error.code === 'NOT_FOUND' ? 'missing' : 'damaged'
      throw error
    },
  )
}
