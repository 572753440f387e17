import { BallastError, type CallOptions, isDigest } from '../core/index.ts'
import { numberOfTag, parseTag } from '../model/index.ts'
import type { ImageAccess } from './image-places.ts'
import { findModel } from './pull.ts'
import { digestAt, numberThere } from './remote-numbers.ts'
import { refuseStageAt } from './remote-stages.ts'
import { openRemote } from './remotes.ts'
import type { TagResult } from './tag.ts'

/**
 * Points `tag` (`prod`, or a whole reference with one) of a model in a registry or a layout to what the reference denotes
 * there. Throws NOT_FOUND, USAGE for another model, CONFLICT for a number.
 */
export async function remoteTag(
  [text, tagText]: readonly [string, string],
  access: ImageAccess,
  options: CallOptions = {},
): Promise<TagResult> {
  const remote = await openRemote(text, access, { direct: true })
  const { repository, at } = remote
  const tag = await tagOf(tagText, { name: repository.name, access })
  const manifest = await findModel(remote, options)
  const moved = (await digestAt(repository, tag, options)) !== manifest.digest
  const number = await numberThere(repository, manifest.digest, options)
  if (moved) {
    const version = at(number === undefined ? manifest.digest : `${number}`)
    await refuseStageAt(remote, { tag, digest: manifest.digest, version }, options)
    await repository.putManifest(manifest, tag, options)
  }
  return { ref: at(tag), digest: manifest.digest, number, moved, warnings: [] }
}

async function tagOf(
  text: string,
  { name, access }: { readonly name: string; readonly access: ImageAccess },
): Promise<string> {
  const isWhole = text.includes('/') || text.includes(':')
  const other = isWhole ? await openRemote(text, access, { direct: true }) : undefined
  if (other !== undefined && (other.repository.name !== name || isDigest(other.reference))) {
    throw new BallastError('USAGE', `${text} is no tag of ${name}`, {
      hint: 'a tag names a version of its own model; to carry a version elsewhere: ballast copy',
    })
  }
  const tag = parseTag(other?.reference ?? text)
  if (numberOfTag(tag) === undefined) return tag
  throw new BallastError('CONFLICT', `${tag} is a version number, and numbers never move`, {
    hint: `choose a tag with a letter in it, for example v${tag}`,
  })
}
