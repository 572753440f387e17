import { isBucketAddress } from '../../model/index.ts'
import { imageAccess } from '../image-access.ts'
import { LOCK_OPTION } from '../lock-option.ts'
import { formatDigest } from '../render/text.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb<[string, string, { lock?: boolean }]>({
  usage: 'tag <ref> <tag>',
  summary: 'point a tag to a version',
  options: [LOCK_OPTION],
  examples: [
    'ballast tag sentiment:3 prod',
    'ballast tag sentiment:latest sentiment:staging',
    'ballast tag s3://models/team/sentiment:3 prod',
  ],
  async run(session, ref, tagText, { lock }) {
    const result = isBucketAddress(ref)
      ? await (await import('../../workflows/bucket-tag.ts')).bucketTag(
          [ref, tagText],
          { ...imageAccess(session.io), lock },
          { signal: session.signal },
        )
      : await (await import('../../workflows/tag.ts')).tag(await session.store(), [ref, tagText])
    const state = result.moved ? '' : ' (it did already)'
    for (const warning of result.warnings) session.note(`warning: ${warning}`)
    session.print(
      result,
      () => `${result.ref} -> ${result.number}   ${formatDigest(result.digest)}${state}\n`,
    )
  },
})
