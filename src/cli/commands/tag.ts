import { formatDigest } from '../render/text.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb<[string, string]>({
  usage: 'tag <ref> <tag>',
  summary: 'point a tag to a version',
  examples: ['ballast tag sentiment:3 prod', 'ballast tag sentiment:latest sentiment:staging'],
  async run(session, ref, tagText) {
    const { tag } = await import('../../workflows/tag.ts')
    const result = await tag(await session.store(), [ref, tagText])
    const state = result.moved ? '' : ' (it did already)'
    for (const warning of result.warnings) session.note(`warning: ${warning}`)
    session.print(
      result,
      () => `${result.ref} -> ${result.number}   ${formatDigest(result.digest)}${state}\n`,
    )
  },
})
