import { BallastError, type CallOptions, type Digest, forEachLimited, isDigest } from '../core/index.ts'
import { numberOfTag } from '../model/index.ts'
import type { ImageRepository } from '../oci/index.ts'
import type { Remote } from './remotes.ts'

/** Of the newest numbers, so many are asked at once what they stand for. */
const ASKED_AT_ONCE = 8

/**
 * The number of a version in a remote, which is a tag there; undefined where it has none. The newest numbers are asked
 * first, and none after the one that is found.
 */
export async function numberThere(
  repository: ImageRepository,
  digest: Digest,
  options: CallOptions = {},
): Promise<number | undefined> {
  const numbers = (await repository.listTags(options)).flatMap((tag) => numberOfTag(tag) ?? [])
  numbers.sort((a, b) => b - a)
  for (let at = 0; at < numbers.length; at += ASKED_AT_ONCE) {
    const found: number[] = []
    const ask = async (number: number, signal: AbortSignal): Promise<void> => {
      if ((await digestAt(repository, `${number}`, { ...options, signal })) === digest) found.push(number)
    }
    await forEachLimited(numbers.slice(at, at + ASKED_AT_ONCE), ASKED_AT_ONCE, ask, options.signal)
    if (found.length > 0) return Math.min(...found)
  }
  return undefined
}

/** What a tag or digest stands for; undefined when there is none. */
export async function digestAt(
  repository: ImageRepository,
  reference: string,
  options: CallOptions = {},
): Promise<Digest | undefined> {
  if (repository.headManifest !== undefined) return repository.headManifest(reference, options)
  return (await repository.getManifest(reference, options))?.digest
}

/** Numbers never move: throws CONFLICT where the remote gave this number to other bytes, or these bytes another number. */
export async function refuseOtherNumber(
  { repository, at }: Remote,
  { digest, number, ref }: { readonly digest: Digest; readonly number: number; readonly ref: string },
  options: CallOptions = {},
): Promise<void> {
  const there = await digestAt(repository, `${number}`, options)
  if (there === digest) return
  if (there !== undefined) {
    throw new BallastError('CONFLICT', `${at(`${number}`)} is another version than ${ref}`, {
      hint: `numbers never move; push under a name of its own, or pull that one first under another: ballast pull ${at(`${number}`)} NAME`,
    })
  }
  if ((await digestAt(repository, digest, options)) === undefined) return
  const other = await numberThere(repository, digest, options)
  if (other === undefined) return
  throw new BallastError('CONFLICT', `${ref} is ${at(`${other}`)} there, and numbers never move`, {
    hint: `what is there is the same version: ballast pull ${at(`${other}`)} NAME; or push under a name of its own`,
  })
}

interface Given {
  /** For people. */
  readonly ref: string
  /** Or digest, where it is. */
  readonly tag: string | undefined
  /** Of a version of a model that has one. */
  readonly number: number | undefined
}

/** The tag that is to move at a remote, beside the number. Throws USAGE for a digest, CONFLICT for another number. */
export function tagToMove(
  to: Remote,
  { ref, tag: own, number }: Given,
  verb: 'push' | 'copy',
): string | undefined {
  if (isDigest(to.reference)) {
    throw new BallastError('USAGE', `${to.at(to.reference)}: the digest follows from what it is of`, {
      hint: 'name a tag, or nothing',
    })
  }
  const tag = to.isStated ? to.reference : own
  if (tag === undefined || isDigest(tag)) return undefined
  const wanted = number === undefined ? undefined : numberOfTag(tag)
  if (wanted === undefined) return tag
  if (wanted === number) return undefined
  throw new BallastError('CONFLICT', `${ref} is number ${number}, and keeps it everywhere`, {
    hint: `${verb} it as ${to.at(`${number}`)}, or under a tag that is no number`,
  })
}
