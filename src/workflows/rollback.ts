import { resolve } from 'node:path'
import { BallastError, type CallOptions, type Digest } from '../core/index.ts'
import { formatImageReference, idOf, previousImage, replaceImage } from '../embed/index.ts'
import { parseOperand } from '../model/index.ts'
import { type Followed, readState } from '../mount/index.ts'
import type { Store } from '../store/index.ts'
import { modelsOf } from './history.ts'
import { type ImageAccess, openImage } from './image-places.ts'
import { mountFollowing } from './mount.ts'
import { hintAtImage } from './resolve.ts'
import { rollbackTag } from './tag.ts'

export interface RollbackResult {
  readonly ref: string
  readonly digest: Digest
  readonly number: number | undefined
  readonly warnings: readonly string[]
  /** Of an image: the tag under which the one it pointed to stays. */
  readonly former?: string | undefined
}

export type RollbackOptions = CallOptions & { readonly access: ImageAccess }

/** Returns a model's tag, an image's tag or a following directory to what it was before its last move. */
export async function rollback(
  store: Store,
  operand: string,
  options: RollbackOptions,
): Promise<RollbackResult> {
  const { kind } = parseOperand(operand)
  if (kind === 'path') return rollbackTarget(store, resolve(operand), options)
  if (kind === 'registry' || kind === 'image' || kind === 'layout')
    return rollbackImage(store, operand, options)
  if (kind === 'archive') {
    throw new BallastError('REFUSED', `${operand} holds no former image: an archive is written anew`, {
      hint: `embed the version that is wanted: ballast embed REF ${operand} -t ${operand}`,
    })
  }
  return rollbackTag(store, operand).catch(hintAtImage(operand))
}

/** A manifest and a tag: no layer moves, whatever the model's size. */
async function rollbackImage(
  store: Store,
  operand: string,
  { access, ...options }: RollbackOptions,
): Promise<RollbackResult> {
  const { repository, reference, image } = await openImage(operand, access, { store })
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

async function rollbackTarget(store: Store, target: string, options: CallOptions): Promise<RollbackResult> {
  const models = Object.entries((await readState(target)).models)
  const [only, ...others] = models
  if (only === undefined || others.length > 0) {
    throw new BallastError(
      only === undefined ? 'NOT_FOUND' : 'USAGE',
      only === undefined ? `${target} follows no tag` : `${target} holds several models`,
      {
        hint:
          only === undefined
            ? 'a pinned target: ballast mount REF DIRECTORY --replace'
            : 'roll back the tags instead',
      },
    )
  }
  const [name, followed] = only
  const former = formerOf(followed)
  if (former === undefined) {
    throw new BallastError('CONFLICT', `${target} has never held another version`, {
      hint: `see: ballast history ${target}`,
    })
  }
  const ref = `${followed.model}@${former}`
  const result = await mountFollowing(store, { ref, target, as: name, by: 'rollback' }, options)
  const number = Number(result.version.split(':').at(-1))
  return {
    ref: target,
    digest: result.digest,
    number: Number.isNaN(number) ? undefined : number,
    warnings: [
      `it returns to the tag when the tag moves next; to keep it: ballast rollback ${followed.reference}`,
    ],
  }
}

function formerOf({ generations }: Followed): Digest | undefined {
  const current = generations.at(-1)?.digest
  return generations.findLast(({ digest }) => digest !== current)?.digest
}
