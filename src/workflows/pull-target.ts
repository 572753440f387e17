import { BallastError } from '../core/index.ts'
import { hasVersion, isTag, numberOfTag, parseName, type RepositoryName, type Tag } from '../model/index.ts'
import type { Remote } from './remotes.ts'
import { parseModelReference } from './resolve.ts'

/** What a version that is pulled is to be called in the store. */
export interface Target {
  readonly name: RepositoryName
  /** That is to move; none for a version that is asked for by its number or digest alone. */
  readonly tag: Tag | undefined
  /** That the user wants it to have. */
  readonly number: number | undefined
}

/** By default as at the remote. Throws USAGE. */
export function targetOf(remote: Remote, text: string | undefined): Target {
  if (text !== undefined) {
    const { name, tag, digest } = parseModelReference(text)
    if (digest !== undefined) {
      throw new BallastError('USAGE', `${text}: the digest follows from the files and cannot be chosen`, {
        hint: `leave it out: ${name}`,
      })
    }
    const number = hasVersion(text) ? numberOfTag(tag ?? '') : undefined
    const moved = hasVersion(text) ? tag : tagOf(remote)
    return { name, number, tag: number === undefined ? moved : undefined }
  }
  if (remote.modelName === undefined) {
    throw new BallastError('USAGE', `what should the model of ${remote.at(remote.reference)} be called?`, {
      hint: `name it: ballast pull ${remote.at(remote.reference)} NAME`,
    })
  }
  return { name: parseName(remote.modelName), tag: tagOf(remote), number: undefined }
}

function tagOf({ reference }: Remote): Tag | undefined {
  return isTag(reference) && numberOfTag(reference) === undefined ? reference : undefined
}
