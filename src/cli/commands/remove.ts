import { defineVerb } from '../verb.ts'

export const verb = defineVerb<[string, { all?: boolean; force?: boolean }]>({
  usage: 'remove <ref>',
  alias: 'rm',
  summary: 'remove a tag or a version; `ballast gc` then frees the space',
  options: [
    ['--all', 'every version and tag of the model'],
    ['--force', 'tags that point to the version as well'],
  ],
  examples: ['ballast remove sentiment:1', 'ballast remove sentiment --all && ballast gc'],
  async run(session, ref, options) {
    const { remove } = await import('../../workflows/remove.ts')
    const result = await remove(await session.store(), ref, options)
    for (const warning of result.warnings) session.note(`warning: ${warning}`)
    const lines = [...result.removed.map((what) => `removed ${what}`), ...result.moved]
    session.print(result, () => `${lines.join('\n')}\n`)
  },
})
