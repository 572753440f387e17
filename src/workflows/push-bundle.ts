import { stat } from 'node:fs/promises'
import { BallastError, type CallOptions } from '../core/index.ts'
import { formatReference, hasVersion, isName, type RepositoryName } from '../model/index.ts'
import { createBundle } from '../oci/index.ts'
import type { Store } from '../store/index.ts'
import { parseArchiveAddress } from './archive-remotes.ts'
import { type PushResult, pushResolved } from './push.ts'
import { damageOf, parseModelReference, requireName, resolveVersion } from './resolve.ts'

export interface PushBundleRequest {
  /** Versions, by their names here; with `all`, models. */
  readonly refs: readonly string[]
  /** `archive:FILE[:NAME]`; NAME for a single model that is to be called otherwise there. */
  readonly archive: string
  /** Every version and tag of the models, or of the store where none is named. */
  readonly all: boolean
}

export interface PushBundleResult {
  readonly archive: string
  readonly versions: readonly PushResult[]
  /** Of the file. */
  readonly bytes: number
  readonly ms: number
}

/**
 * Versions of any number of models go into one file, with their numbers, tags and what is attached to them: an OCI image layout in a
 * tar, which takes the place of a former one once it is whole. Throws what `resolveVersion` and `createBundle` throw.
 */
export async function pushBundle(
  store: Store,
  { refs, archive, all }: PushBundleRequest,
  options: CallOptions = {},
): Promise<PushBundleResult> {
  const started = performance.now()
  const { path, reference } = parseArchiveAddress(archive)
  const wanted = all ? await everything(store, refs) : refs
  if (wanted.length === 0) throw nothingToPush(store)
  const models = new Set(wanted.map((ref) => parseModelReference(ref).name))
  const [only] = models
  if (reference !== '' && (models.size > 1 || !isName(reference))) {
    throw new BallastError('USAGE', `${archive}: tags and numbers in an archive are those of the store`, {
      hint: `leave ${reference} out, or name another model: archive:${path}:NAME`,
    })
  }
  const nameOf = (name: RepositoryName): string => (name === only && reference !== '' ? reference : name)
  const bundle = await createBundle(path)
  const versions: PushResult[] = []
  try {
    for (const ref of wanted) {
      await using session = await store.beginReading()
      const resolved = await resolveVersion(store, ref)
      const model = nameOf(resolved.reference.name)
      const remote = {
        repository: bundle.repository(model),
        reference: '',
        isStated: false,
        modelName: model,
        at: (other: string) => `archive:${path}:${model}:${other}`,
      }
      const pushed = await pushResolved(store, { session, resolved, remote }, options).catch(
        async (error: unknown) => {
          throw (await damageOf(store, [resolved])) ?? error
        },
      )
      versions.push(pushed)
    }
    await bundle.finish()
  } finally {
    await bundle.discard()
  }
  const { size: bytes } = await stat(path)
  return { archive: `archive:${path}`, versions, bytes, ms: Math.round(performance.now() - started) }
}

/** Numbers first, so that a tag finds its version there. */
async function everything(store: Store, refs: readonly string[]): Promise<readonly string[]> {
  const { records } = store
  for (const ref of refs) {
    if (hasVersion(ref)) {
      throw new BallastError('USAGE', `${ref} is one version, and --all means every one`, {
        hint: `name the model alone: ${parseModelReference(ref).name}`,
      })
    }
    await requireName(store, ref)
  }
  const names =
    refs.length === 0 ? await records.listNames() : refs.map((ref) => parseModelReference(ref).name)
  const wanted: string[] = []
  for (const name of names) {
    for (const { number } of await records.listVersions(name)) wanted.push(`${name}:${number}`)
    for (const { tag, kind } of await records.listTags(name)) {
      if (kind === 'model') wanted.push(formatReference({ name, tag }))
    }
  }
  return wanted
}

function nothingToPush({ root }: Store): BallastError {
  return new BallastError('NOT_FOUND', `no model in ${root}`, { hint: 'to add one: ballast add NAME FILES…' })
}
