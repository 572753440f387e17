import { BallastError, type CallOptions } from '../core/index.ts'
import { totalSize } from '../model/index.ts'
import type { ImageAccess } from './image-places.ts'
import type { ListedVersion } from './list.ts'
import { modelsAt } from './remote-models.ts'
import { openRemote } from './remotes.ts'

/** Every version of the model in a registry (`HOST/NAME`) or a layout. Throws NOT_FOUND, and USAGE for an operand with a tag. */
export async function remoteList(
  text: string,
  access: ImageAccess,
  options: CallOptions = {},
): Promise<readonly ListedVersion[]> {
  const { repository, isStated, reference, at } = await openRemote(text, access)
  if (isStated) {
    throw new BallastError('USAGE', `${text} names one version`, {
      hint: `ballast show ${text} shows it; to list all, leave ${JSON.stringify(reference)} out`,
    })
  }
  const models = await modelsAt(repository, options)
  if (models.length === 0) {
    throw new BallastError('NOT_FOUND', `there is no model in ${repository.name}`, {
      hint: `to put one there: ballast push REF ${text}; of an image there: ballast history ${at('TAG')}`,
    })
  }
  return models.map(({ digest, number, tags, contents }) => ({
    ref: at(number === undefined ? (tags[0] ?? digest) : `${number}`),
    ...{ digest, tags, files: contents.length, bytes: totalSize(contents) },
    // Registries keep no times, and what is attached would have to be read one by one.
    ...{ added: '', format: undefined, precision: undefined, parameters: undefined },
    ...{ figures: {}, metadata: {}, usedBy: {} },
  }))
}
