import { isBucketAddress, isRemote } from '../../model/index.ts'
import type { TagResult } from '../../workflows/tag.ts'
import { imageAccess } from '../image-access.ts'
import { LOCK_OPTION } from '../lock-option.ts'
import { formatDigest } from '../render/text.ts'
import type { Session } from '../session.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb<[string, string, { lock?: boolean }]>({
  usage: 'tag <ref> <tag>',
  summary: 'point a tag to a version',
  options: [LOCK_OPTION],
  examples: [
    'ballast tag sentiment:3 prod',
    'ballast tag sentiment:latest sentiment:staging',
    'ballast tag s3://models/team/sentiment:3 prod',
    'ballast tag localhost:5000/sentiment:3 prod',
  ],
  async run(session, ref, tagText, { lock }) {
    const result = await pointTag(session, [ref, tagText], lock)
    const state = result.moved ? '' : ' (it did already)'
    for (const warning of result.warnings) session.note(`warning: ${warning}`)
    const number = result.number === undefined ? '' : ` ${result.number}`
    session.print(result, () => `${result.ref} ->${number}   ${formatDigest(result.digest)}${state}\n`)
  },
})

async function pointTag(
  session: Session,
  [ref, tagText]: readonly [string, string],
  lock: boolean | undefined,
): Promise<TagResult> {
  const { io, signal } = session
  if (isBucketAddress(ref)) {
    const { bucketTag } = await import('../../workflows/bucket-tag.ts')
    return bucketTag([ref, tagText], { ...imageAccess(io), lock }, { signal })
  }
  if (isRemote(ref)) {
    const { remoteTag } = await import('../../workflows/remote-tag.ts')
    return remoteTag([ref, tagText], imageAccess(io), { signal })
  }
  const { tag } = await import('../../workflows/tag.ts')
  return tag(await session.store(), [ref, tagText])
}
