import { BallastError } from '../../core/index.ts'
import { isBucketAddress } from '../../model/index.ts'
import type { RemoveResult } from '../../workflows/remove.ts'
import { imageAccess } from '../image-access.ts'
import { LOCK_OPTION } from '../lock-option.ts'
import type { Session } from '../session.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb<[string, { all?: boolean; force?: boolean; lock?: boolean }]>({
  usage: 'remove <ref>',
  alias: 'rm',
  summary: 'remove a tag or a version; `ballast gc` then frees the space',
  details: 'Of a bucket too: s3://BUCKET/PATH/NAME:TAG, then `ballast gc s3://BUCKET/PATH/`.',
  options: [
    ['--all', 'every version and tag of the model'],
    ['--force', 'tags that point to the version as well'],
    LOCK_OPTION,
  ],
  examples: [
    'ballast remove sentiment:1',
    'ballast remove sentiment --all && ballast gc',
    'ballast remove s3://models/team/sentiment:1',
  ],
  async run(session, ref, options) {
    const result = isBucketAddress(ref)
      ? await removeFromBucket(session, ref, options)
      : await (await import('../../workflows/remove.ts')).remove(await session.store(), ref, options)
    for (const warning of result.warnings) session.note(`warning: ${warning}`)
    const lines = [...result.removed.map((what) => `removed ${what}`), ...result.moved]
    session.print(result, () => `${lines.join('\n')}\n`)
  },
})

async function removeFromBucket(
  { io, signal }: Session,
  ref: string,
  { all, force, lock }: { all?: boolean; force?: boolean; lock?: boolean },
): Promise<RemoveResult> {
  if (all === true) {
    throw new BallastError('USAGE', `${ref}: --all is for models of the store`, {
      hint: 'remove its versions one by one',
    })
  }
  const { bucketRemove } = await import('../../workflows/bucket-tag.ts')
  return bucketRemove(ref, { ...imageAccess(io), lock }, { signal, force: force === true })
}
