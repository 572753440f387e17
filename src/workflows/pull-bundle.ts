import { BallastError, type CallOptions, isBallastError } from '../core/index.ts'
import { numberOfTag, splitReference } from '../model/index.ts'
import { type Bundle, isReferrersTag, openBundle } from '../oci/index.ts'
import type { Store } from '../store/index.ts'
import { parseArchiveAddress, remoteInBundle } from './archive-remotes.ts'
import { pullFrom } from './pull.ts'
import type { PullResult } from './pull-place.ts'

export interface PullBundleRequest {
  /** `archive:FILE`, or `archive:FILE:NAME` for one of its models. */
  readonly archive: string
  /** What the model is to be called in the store, where it is one. */
  readonly name?: string | undefined
}

export interface PullBundleResult {
  readonly archive: string
  readonly versions: readonly PullResult[]
  /** Tags that the store does not let move so, as those of stages; their versions are there by number. */
  readonly refused: readonly { readonly from: string; readonly error: BallastError }[]
  readonly warnings: readonly string[]
  readonly ms: number
}

/**
 * Whether all that is in an archive is meant, or all of one model: not where it is one version, or what is called by mere tags.
 */
export async function isWholeBundle(archive: string, options: CallOptions = {}): Promise<boolean> {
  const { path, reference } = parseArchiveAddress(archive)
  const { name, tag, digest } = splitReference(reference)
  if (tag !== undefined || digest !== undefined) return false
  const { models } = await openBundle(path, options)
  return reference === '' ? models.length > 0 : models.includes(name)
}

/**
 * Everything of a file that `pushBundle` wrote comes into the store: versions by their numbers, then tags, each with what is attached.
 * Throws what `pull` throws, but for tags that may not move.
 */
export async function pullBundle(
  store: Store,
  { archive, name }: PullBundleRequest,
  options: CallOptions = {},
): Promise<PullBundleResult> {
  const started = performance.now()
  const { path, reference } = parseArchiveAddress(archive)
  const bundle = await openBundle(path, options)
  const models = reference === '' ? bundle.models : [reference]
  if (name !== undefined && models.length > 1) {
    throw new BallastError('USAGE', `archive:${path} holds several models: ${models.join(', ')}`, {
      hint: `name the one that is to be called ${name}: ballast pull archive:${path}:${models[0]} ${name}`,
    })
  }
  const versions: PullResult[] = []
  const refused: PullBundleResult['refused'][number][] = []
  for (const model of models) {
    const target = name ?? model
    for (const tag of await tagsInOrder(bundle, model)) {
      const remote = remoteInBundle(bundle, { path, reference: `${model}:${tag}` })
      try {
        versions.push(await pullFrom(store, { remote, name: `${target}:${tag}` }, options))
      } catch (error) {
        const isTag = numberOfTag(tag) === undefined
        if (!isTag || !(isBallastError(error, 'REFUSED') || isBallastError(error, 'CONFLICT'))) throw error
        refused.push({ from: remote.at(tag), error })
      }
    }
  }
  const warnings = [...new Set(versions.flatMap((version) => version.warnings))]
  return {
    archive: `archive:${path}`,
    versions,
    refused,
    warnings,
    ms: Math.round(performance.now() - started),
  }
}

/** Numbers first, the lowest first: then a tag costs nothing but itself. */
async function tagsInOrder(bundle: Bundle, model: string): Promise<readonly string[]> {
  const tags = (await bundle.repository(model).listTags()).filter((tag) => !isReferrersTag(tag))
  const numbers = tags.filter((tag) => numberOfTag(tag) !== undefined)
  const others = tags.filter((tag) => numberOfTag(tag) === undefined)
  return [...numbers.sort((a, b) => Number(a) - Number(b)), ...others]
}
