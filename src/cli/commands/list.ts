import { formatAge, formatBytes, formatDigest, formatTable } from '../render/text.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb<[string | undefined]>({
  usage: 'list [name]',
  alias: 'ls',
  summary: 'list the models of the store and their versions',
  examples: ['ballast list', 'ballast list sentiment --json'],
  async run(session, name) {
    const store = await session.store()
    const { list } = await import('../../workflows/list.ts')
    const versions = await list(store, name)
    if (versions.length === 0) session.note(`no models in ${store.root}; to add one: ballast add NAME FILES…`)
    session.print(versions, () =>
      versions.length === 0
        ? ''
        : formatTable(
            ['VERSION', 'TAGS', 'FORMAT', 'FILES', 'SIZE', 'DIGEST', 'ADDED'],
            versions.map(({ ref, tags, format, precision, files, bytes, digest, added }) => [
              ref,
              tags.join(', '),
              [format, precision].filter((part) => part !== undefined).join(', '),
              `${files}`,
              formatBytes(bytes),
              formatDigest(digest),
              formatAge(added),
            ]),
            [3, 4],
          ),
    )
  },
})
