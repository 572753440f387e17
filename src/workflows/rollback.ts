import { resolve } from 'node:path'
import { BallastError, type CallOptions, type Digest } from '../core/index.ts'
import { formatImageReference, idOf, previousImage, replaceImage } from '../embed/index.ts'
import { isBucketAddress, parseOperand } from '../model/index.ts'
import { type Followed, inspectTarget, isPinned, recordsOf, seeTarget } from '../mount/index.ts'
import type { Store } from '../store/index.ts'
import { modelsOf } from './history.ts'
import { type ImageAccess, openImage } from './image-places.ts'
import { type MountResult, mountFollowing } from './mount.ts'
import { mountFormer } from './mount-volume.ts'
import { admitFollowed, hintAtImage } from './resolve.ts'
import { engineOf } from './run-request.ts'
import type { RollbackStage } from './stage-rollback.ts'
import { rollbackTag } from './tag.ts'
import { volumeRecords } from './volume-records.ts'

export interface RollbackResult {
  readonly ref: string
  readonly digest: Digest
  readonly number: number | undefined
  readonly warnings: readonly string[]
  /** Of an image: the tag under which the one it pointed to stays. */
  readonly former?: string | undefined
}

export type RollbackOptions = CallOptions & RollbackStage & { readonly access: ImageAccess }

/** Returns a model's tag, an image's tag, a following directory or a volume to what it was before its last move. */
export async function rollback(
  store: Store,
  operand: string,
  options: RollbackOptions,
): Promise<RollbackResult> {
  const parsed = parseOperand(operand)
  const { kind } = parsed
  const { to, why } = options
  if ((to !== undefined || why !== undefined) && (kind === 'path' || kind === 'volume' || kind === 'image')) {
    throw new BallastError('USAGE', '--to and --why are for tags of models', {
      hint: `a former version in its place: ballast mount REF ${operand}`,
    })
  }
  if (kind === 'path') return rollbackDirectory(store, resolve(operand), options)
  if (kind === 'volume') return rollbackVolume(store, parsed.text, options)
  if (kind === 'registry' || kind === 'layout') return rollbackAt(store, operand, options)
  if (kind === 'image') return rollbackImage(store, operand, options)
  if (kind === 'archive') {
    throw new BallastError('REFUSED', `${operand} holds no former image: an archive is written anew`, {
      hint: `embed the version that is wanted: ballast embed REF ${operand} -t ${operand}`,
    })
  }
  if (isBucketAddress(operand)) {
    const { bucketRollback } = await import('./bucket-tag.ts')
    const { access, signal, onProgress } = options
    return bucketRollback(store, { text: operand, to, why }, access, { signal, onProgress })
  }
  return rollbackTag(store, operand, { to, why }).catch(hintAtImage(operand))
}

/** A stage of a model goes back by what was recorded of it, an image by the tags that its former ones have. */
async function rollbackAt(store: Store, operand: string, options: RollbackOptions): Promise<RollbackResult> {
  const { access, to, why, signal, onProgress } = options
  const { openRemote } = await import('./remotes.ts')
  const { isStageThere, rollbackStage } = await import('./stage-rollback.ts')
  const remote = await openRemote(operand, access, { store })
  const calls = { signal, onProgress }
  try {
    if (await isStageThere(remote, calls)) return await rollbackStage(store, remote, { to, why }, calls)
  } finally {
    await remote.repository.close?.()
  }
  if (to === undefined && why === undefined) return rollbackImage(store, operand, options)
  throw new BallastError('CONFLICT', `${operand} is no stage of which moves were recorded`, {
    hint: `put the version there: ballast promote ${operand.replace(/:[^/:]*$/, '')}:NUMBER ${remote.reference}`,
  })
}

/** A manifest and a tag: no layer moves, whatever the model's size. */
async function rollbackImage(
  store: Store,
  operand: string,
  { access, ...options }: RollbackOptions,
): Promise<RollbackResult> {
  const { repository, reference, image } = await openImage(operand, access, { direct: true, store })
  try {
    const manifest = await previousImage(repository, reference, options)
    const models = await modelsOf(repository, manifest.digest, options)
    const former = await replaceImage(repository, { tag: reference, manifest }, options)
    return {
      ref: formatImageReference(image),
      digest: await idOf(repository, manifest),
      number: models.length === 1 ? models[0]?.number : undefined,
      warnings: [],
      former,
    }
  } finally {
    await repository.close?.()
  }
}

async function rollbackDirectory(
  store: Store,
  target: string,
  options: CallOptions,
): Promise<RollbackResult> {
  const isFollowing = (await inspectTarget(target)).kind === 'following'
  const move = lastMove(target, isFollowing ? await recordsOf(await seeTarget(target)) : new Map())
  const { name, ref } = move
  await admitBack(store, move)
  const result = await mountFollowing(store, { ref, target, as: name, by: 'rollback' }, options)
  return rolledBack(move, result)
}

async function rollbackVolume(
  store: Store,
  volume: string,
  { access, ...options }: RollbackOptions,
): Promise<RollbackResult> {
  const engine = engineOf(access)
  const move = lastMove(`volume:${volume}`, await volumeRecords(engine, volume, options))
  const { name, ref, followed } = move
  await admitBack(store, move)
  const layout = followed.flat === true ? 'flat' : 'link'
  const result = await mountFormer(store, { ref, volume, as: name, layout }, { ...options, engine })
  return rolledBack(move, result)
}

interface LastMove {
  /** The link. */
  readonly name: string
  readonly followed: Followed
  /** Of the version before the last move. */
  readonly ref: string
}

function lastMove(target: string, records: ReadonlyMap<string, Followed>): LastMove {
  const [only, ...others] = records
  if (only === undefined) {
    throw new BallastError('NOT_FOUND', `${target} follows no tag`, {
      hint: 'a pinned target: ballast mount REF DIRECTORY --replace',
    })
  }
  if (others.length > 0) {
    throw new BallastError('USAGE', `${target} holds several models`, { hint: 'roll back the tags instead' })
  }
  const [name, followed] = only
  const former = formerOf(followed)
  if (former === undefined) {
    throw new BallastError('CONFLICT', `${target} has never held another version`, {
      hint: `see: ballast history ${target}`,
    })
  }
  return { name, followed, ref: `${followed.model}@${former}` }
}

/** What follows a stage shows nothing that does not keep its policy, whichever way it came. Throws REFUSED. */
async function admitBack(store: Store, { followed, ref }: LastMove): Promise<void> {
  if (!isPinned(followed)) await admitFollowed(store, { ref, followed: followed.reference })
}

function formerOf({ generations }: Followed): Digest | undefined {
  const current = generations.at(-1)?.digest
  return generations.findLast(({ digest, proof }) => digest !== current && proof?.is !== 'failed')?.digest
}

function rolledBack({ followed }: LastMove, { target, version, digest }: MountResult): RollbackResult {
  const number = Number(version.split(':').at(-1))
  // A version that follows nothing stays until another one is put in its place.
  const warnings = isPinned(followed)
    ? []
    : [`it returns to the tag when the tag moves next; to keep it: ballast rollback ${followed.reference}`]
  return { ref: target, digest, number: Number.isNaN(number) ? undefined : number, warnings }
}
