import type { ListedVersion } from '../../workflows/list.ts'
import { formatListedFigures } from '../render/lineage.ts'
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
    session.print(versions, () => (versions.length === 0 ? '' : formatVersions(versions)))
  },
})

/** What was measured only where something was: the table is wide enough. */
function formatVersions(versions: readonly ListedVersion[]): string {
  const measured = versions.some(({ figures }) => Object.keys(figures).length > 0)
  return formatTable(
    ['VERSION', 'TAGS', 'FORMAT', 'FILES', 'SIZE', 'DIGEST', 'ADDED', ...(measured ? ['METRICS'] : [])],
    versions.map(({ ref, tags, format, precision, files, bytes, digest, added, figures }) => [
      ref,
      tags.join(', '),
      [format, precision].filter((part) => part !== undefined).join(', '),
      `${files}`,
      formatBytes(bytes),
      formatDigest(digest),
      formatAge(added),
      ...(measured ? [formatListedFigures(figures)] : []),
    ]),
    [3, 4],
  )
}
