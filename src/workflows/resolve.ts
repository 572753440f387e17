import { stat } from 'node:fs/promises'
import { BallastError, type Digest, isBallastError } from '../core/index.ts'
import {
  blobsOfFiles,
  blobsOfVersion,
  formatReference,
  LATEST,
  numberOfTag,
  parseName,
  parseOperand,
  parseReference,
  type Reference,
  type RepositoryName,
  type Tag,
  type Version,
} from '../model/index.ts'
import type { Session, Store } from '../store/index.ts'
import { editDistance } from './edit-distance.ts'

/** A version that is in the store, and what the user called it. */
export interface ResolvedVersion {
  readonly reference: Reference
  readonly number: number
  readonly version: Version
}

/**
 * The version that a reference denotes, for whoever makes use of it: a stage gives none that does not keep its policy. Throws what
 * `findVersion` throws, and REFUSED.
 */
export async function resolveVersion(store: Store, text: string): Promise<ResolvedVersion> {
  const resolved = await findVersion(store, text)
  await admitFromStage(store, resolved)
  return resolved
}

/** For who gives out what a tag points to, image or model, by that name. Throws REFUSED, and USAGE for an image in a stage. */
export async function admitTag(
  store: Store,
  { name, tag, digest }: { readonly name: RepositoryName; readonly tag: Tag; readonly digest: Digest },
): Promise<void> {
  const isPoliced = (await store.records.policies.of(name, tag)) !== undefined
  if (!isPoliced && (store.policyKeys.length === 0 || (await isImage(store, { name, tag })))) return
  await refuseImage(store, { name, tag })
  const [number, version] = [await numberOf(store, name, digest), await store.readVersion(digest)]
  await admitFromStage(store, { reference: { name, tag }, number, version })
}

/** For who puts a version where a tag of the store is followed, by another name. Throws what `findVersion` throws, and REFUSED. */
export async function admitFollowed(
  store: Store,
  { ref, followed }: { readonly ref: string; readonly followed: string },
): Promise<void> {
  const { name, tag } = parseReference(followed)
  if (tag === undefined || (await store.records.policies.of(name, tag)) === undefined) return
  await admitFromStage(store, { ...(await findVersion(store, ref)), reference: { name, tag } })
}

/** A number or a digest is no stage: whoever names a version by it has chosen it himself. */
async function admitFromStage(store: Store, resolved: ResolvedVersion): Promise<void> {
  const { name, tag } = resolved.reference
  if (tag === undefined || numberOfTag(tag) !== undefined) return
  await store.admitElsewhere?.({ name, tag }, resolved.version)
  const isPoliced = (await store.records.policies.of(name, tag)) !== undefined
  if (!isPoliced && store.policyKeys.length === 0) return
  const { admit } = await import('./stage-gate.ts')
  const { askInStore } = await import('./store-stages.ts')
  await admit(askInStore(store, { ...resolved, stage: tag }))
}

/**
 * The same for whoever only looks at it. Throws USAGE, NOT_FOUND (naming the store that was searched and what is near), DAMAGED.
 */
export async function findVersion(store: Store, text: string): Promise<ResolvedVersion> {
  const reference = parseModelReference(text)
  const digest = await resolveDigest(store, reference)
  await refuseImage(store, reference)
  const version = await store.readVersion(digest).catch(async (error: unknown) => {
    throw await withMending(store, error, reference)
  })
  return { reference, number: await numberOf(store, reference.name, digest), version }
}

/** The same for whoever attaches something to it: the session keeps it from then on. Throws what `findVersion` throws. */
export async function findLeased(store: Store, session: Session, text: string): Promise<ResolvedVersion> {
  const found = await findVersion(store, text)
  const { reference, version } = found
  await session.lease(blobsOfVersion(version))
  // It may have been removed before it was leased.
  await resolveDigest(store, { name: reference.name, digest: version.digest })
  return found
}

/** The store's registry may hold images too; they are no models, and not damaged ones either. */
async function refuseImage(store: Store, reference: Reference): Promise<void> {
  if (!(await isImage(store, reference))) return
  const { name, tag } = reference
  throw new BallastError(
    'USAGE',
    `${name}:${tag} is an image that was pushed to this store's registry, not a model`,
    {
      hint: `the models that it holds: ballast history HOST/${name}:${tag}`,
    },
  )
}

async function isImage(store: Store, { name, tag }: Reference): Promise<boolean> {
  return (await store.records.listTags(name)).some(
    (current) => current.tag === tag && current.kind === 'image',
  )
}

/** Throws NOT_FOUND. */
export async function resolveDigest(store: Store, reference: Reference): Promise<Digest> {
  const digest = await store.records.resolve(reference)
  if (digest !== undefined) return digest
  throw await notFound(store, reference)
}

/** A reference to a model in the store. Throws USAGE for operands of another kind. */
export function parseModelReference(text: string): Reference {
  const operand = parseOperand(text)
  if (operand.kind === 'name') return parseReference(text)
  const hints = {
    path: `to bring files into the store: ballast add NAME ${text}`,
    registry: `bring it into the store first: ballast pull ${text}`,
  } as Record<string, string>
  throw new BallastError('USAGE', `${JSON.stringify(text)} is not a model of the store`, {
    hint: hints[operand.kind] ?? 'name a model of the store: `ballast list` shows them',
  })
}

export async function numberOf(store: Store, name: RepositoryName, digest: Digest): Promise<number> {
  const versions = await store.records.listVersions(name)
  return versions.find((version) => version.digest === digest)?.number ?? 0
}

/** Throws NOT_FOUND, naming what is near, when the store has no such model. */
export async function requireName(store: Store, text: string): Promise<void> {
  const { name } = parseModelReference(text)
  if ((await store.records.listNames()).includes(parseName(name))) return
  await resolveDigest(store, { name, tag: LATEST })
}

/** Says, of a blob that is missing or damaged, which command brings it back: the one that brought it. */
export async function withMending(store: Store, error: unknown, reference: Reference): Promise<unknown> {
  if (!(error instanceof BallastError) || (error.code !== 'DAMAGED' && error.code !== 'NOT_FOUND'))
    return error
  if (error.hint !== undefined) return error
  return new BallastError('DAMAGED', `${formatReference(reference)}: ${error.message}`, {
    cause: error,
    hint: await mendingHint(store, reference),
  })
}

/** Whether what failed did so for a stored file that is missing or damaged; asked only then. */
export async function damageOf(
  store: Store,
  models: readonly Pick<ResolvedVersion, 'reference' | 'version'>[],
): Promise<unknown> {
  for (const { reference, version } of models) {
    // Removed meanwhile, it may be collected: that is no damage.
    if ((await store.records.resolve({ name: reference.name, digest: version.digest })) === undefined)
      continue
    for (const blob of blobsOfFiles(version.files)) {
      try {
        await store.blobs.ensureIntact(blob)
      } catch (error) {
        return withMending(store, error, reference)
      }
    }
  }
  return undefined
}

export async function mendingHint(store: Store, reference: Reference): Promise<string> {
  const { name } = reference
  const digest = await store.records.resolve(reference)
  const from = (await store.records.listVersions(name)).find((version) => version.digest === digest)?.from
  return `add the same files again, which replaces what is damaged: ballast add ${name} ${from || 'SOURCE…'}`
}

async function notFound(store: Store, reference: Reference): Promise<BallastError> {
  const names = (await store.records.listNames()) as readonly string[]
  const searched = `in the store ${store.root}`
  if (!names.includes(reference.name)) {
    const most = Math.min(2, Math.floor(reference.name.length / 3))
    const near = names.filter((name) => editDistance(name, reference.name) <= most)
    const directory = await stat(reference.name).catch(() => undefined)
    if (near.length === 0 && directory?.isDirectory() === true) {
      return new BallastError('NOT_FOUND', `no model ${reference.name} ${searched}`, {
        hint: `there is a directory of that name here; as a path it is ./${reference.name}`,
      })
    }
    return new BallastError('NOT_FOUND', `no model ${reference.name} ${searched}`, {
      hint:
        near.length > 0
          ? `did you mean ${near.slice(0, 3).join(' or ')}?`
          : `to add it: ballast add ${reference.name} FILES…; what there is: ballast list`,
    })
  }
  const versions = await store.records.listVersions(reference.name)
  const tags = await store.records.listTags(reference.name)
  const known = [...tags.map(({ tag }) => tag as string), ...versions.map(({ number }) => `${number}`)]
  return new BallastError('NOT_FOUND', `no version ${formatReference(reference)} ${searched}`, {
    hint:
      known.length === 0 ? `every version of it was removed` : `${reference.name} has: ${known.join(', ')}`,
  })
}

/** A plain name is a model's: whoever means an image of the Engine is told how that is written. Always throws. */
export function hintAtImage(operand: string): (error: unknown) => never {
  return (error) => {
    if (!isBallastError(error, 'NOT_FOUND')) throw error
    const hint = `${error.hint ?? ''}${error.hint === undefined ? '' : '; '}an image of the Engine is image:${operand}`
    throw new BallastError('NOT_FOUND', error.message, { cause: error, hint })
  }
}
